"""`.env`: a misspelt name is refused with its line; what others ask for, and how the names are written, is fine; no secret is shown."""

from pathlib import Path

import pytest

from lakehouse import env_file
from lakehouse.errors import SettingsError

KNOWN = {"SOURCE_DSN", "THRIFT_PORT", "SPARK_TOKEN"}


def refuse(path: Path, text: str, *asked: str) -> None:
    path.write_text(text)
    env_file.refuse_unknown(path, KNOWN, lambda: asked)


def test_names_that_somebody_asks_for_are_fine(tmp_path: Path) -> None:
    text = "# THRIFT_PROT=1\nthrift_port=1\nexport SOURCE_DSN='x'\nCRM_DSN=y\nERP_PASSWORD=z\n"
    refuse(tmp_path / ".env", text, "ERP_PASSWORD")
    env_file.refuse_unknown(tmp_path / "none", KNOWN, lambda: ())
    env_file.refuse_unknown(None, KNOWN, lambda: ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nTHRIFT_PROT=1\n", r"line 2: THRIFT_PROT is no setting. Did you mean THRIFT_PORT\?"),
        ("SORUCE_DSN=x\n", r"line 1: SORUCE_DSN is no setting. Did you mean SOURCE_DSN\?"),
        ("AWS_PROFILE=x\n", "line 1: AWS_PROFILE is no setting. Remove it"),
        ("SPARK_TOKEN=abc\nZm9vYmFyc2VjcmV0==\n", "line 2: is no setting. Remove it"),
        ("THRIFT_PORT=1\nZm9vYmFyc2VjcmV0\n", "line 2: is no setting. Remove it"),
    ],
)
def test_what_nobody_asks_for_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        refuse(tmp_path / ".env", text)
    assert "Zm9v" not in str(refused.value)


def test_where_a_value_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".env"
    path.write_text("THRIFT_PORT=1\n export thrift_port = 2\n")
    monkeypatch.setenv("THRIFT_PORT", "")  # an empty one counts for nothing
    assert env_file.origin("THRIFT_PORT", path) == f"{path}, line 2"
    monkeypatch.setenv("THRIFT_PORT", "3")
    assert env_file.origin("THRIFT_PORT", path) == "the environment"
    assert env_file.origin("SPARK_TOKEN", path) == ""
