"""Settings are text: nothing in a value is replaced, wherever it was written."""

from pathlib import Path

import pytest

from lakehouse.errors import SettingsError
from lakehouse.settings import Settings, load

DSN = "postgresql://me:p$x${HOME}#y$$z`id`$(id)%40@db.example.com/crm"


def test_a_file_of_settings_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(f"SOURCE_DSN={DSN}\nSITE_URL='${{HOME}} #a'\nSOURCE_NAME=\nSTRANGER=x\nRETENTION_DAYS=9 # a week, and two\n")
    found = Settings(_env_file=path)  # type: ignore[call-arg]
    assert found.source_dsn and found.source_dsn.get_secret_value() == DSN
    assert (found.site_url, found.source_name, found.retention_days) == ("${HOME} #a", None, 9)


def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".env"
    path.write_text("SOURCE_NAME=file\nSITE_URL=file\n")
    monkeypatch.setenv("SOURCE_NAME", "$HOME ${HOME} #x")
    found = Settings(_env_file=path, site_url="given")  # type: ignore[call-arg]
    assert (found.source_name, found.site_url) == ("$HOME ${HOME} #x", "given")


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("SPARK_TOKEN", "x" * 15, "16 characters or more"),
        ("SPARK_SECRET", "short", "16 characters or more"),
        ("SPARK_TOKEN", " " + "x" * 16, "printable"),
        ("SPARK_TOKEN", "x" * 16 + "\t", "printable"),
        ("SPARK_TOKEN", "x" * 16 + "é", "printable"),
        ("SPARK_TOKEN", "x" * 8 + "\n" + "x" * 8, "printable"),
    ],
)
def test_a_secret_that_can_not_be_used_is_refused_and_not_shown(
    name: str, value: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name}: can't be used, .*{wanted}") as refused:
        load()
    assert value.strip() not in str(refused.value)
