"""sources.yml: which sources a run reads, where they are, and that a secret stays out of the file."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from ingestion.sources import config
from ingestion.sources.config import File, Section
from ingestion.sources.postgres import entry
from ingestion.sources.postgres.discover import Table
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings

CRM = SecretStr("postgresql://reader@localhost/crm")
MANY = File.model_validate({
    "sources": {"crm": {"tables": {"public.a": {}}}, "erp": {"dsn": "${ERP_DSN}"}, "log": {"kind": "tiny.notes", "path": "x"}, "idle": {}},
})  # fmt: skip


def names(found: list[Section]) -> list[str]:
    return sorted(section.name for section in found)


def test_a_run_reads_those_that_say_where_they_are_and_that_of_source_dsn() -> None:
    assert names(config.chosen(Settings(), MANY)) == ["erp", "log"]
    assert names(config.chosen(Settings(source_dsn=CRM), MANY)) == ["crm", "erp", "log"]
    assert names(config.chosen(Settings(source_dsn=CRM, source_name="other"), MANY)) == ["erp", "log", "other"]
    assert names(config.chosen(Settings(), MANY, ["log"])) == ["log"]
    with pytest.raises(SettingsError, match="Did you mean erp"):
        config.chosen(Settings(), MANY, ["erpp"])
    with pytest.raises(SettingsError, match="SOURCE_DSN"):
        config.chosen(Settings(), config.load(Path("/nowhere")))


def test_entries_are_those_of_the_source() -> None:
    assert config.of(Settings(source_dsn=CRM), MANY).tables == {"public.a": {}}
    assert config.of(Settings(source_name="shop"), MANY).tables == {}, "those of another source do not stand in its way"


@pytest.mark.parametrize(
    ("said", "name"), [({"tables": {"public.a": {}}}, "crm"), ({"tables": {"public.a": {}}, "source": "old"}, "old")]
)
def test_a_file_of_the_older_form_is_of_source_dsn(said: dict[str, object], name: str) -> None:
    file = File.model_validate(said)
    [section] = config.chosen(Settings(source_dsn=CRM), file)
    assert (section.name, section.tables) == (name, {"public.a": {}})
    assert config.settings_of(Settings(source_dsn=CRM), section).source() == name


def test_a_dsn_has_its_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    erp = next(section for section in config.chosen(Settings(), MANY) if section.name == "erp")
    with pytest.raises(SettingsError, match=r"sources\.erp\.dsn: asks for ERP_DSN, which is not set"):
        config.settings_of(Settings(), erp)
    monkeypatch.setenv("ERP_DSN", "postgresql://reader:secret@localhost/erp_db")
    made = config.settings_of(Settings(source_dsn=CRM), erp)
    assert (made.source(), made.dsn()) == ("erp", "postgresql://reader:secret@localhost/erp_db")
    monkeypatch.setenv("ERP_DSN", "nothing = like = it")
    with pytest.raises(SettingsError, match="is no DSN"):
        config.settings_of(Settings(), erp)


def test_a_password_in_the_file_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        config.settings_of(Settings(), Section("my crm", dsn="postgresql://reader:hunter22@localhost/crm"))
    assert "Write MY_CRM_DSN=… into .env, and dsn: ${MY_CRM_DSN} here" in str(refused.value) and "hunter22" not in str(
        refused.value
    )


def test_entries_of_another_database_are_told_from_a_table_that_went() -> None:
    tables = [Table("public", name, "r", 0, True, (), ()) for name in ("orders", "payments")]

    def anothers(said: dict[str, object]) -> bool:
        return entry.is_anothers(tables, entry.read(config.of(Settings(source_name="shop"), File.model_validate(said))))

    assert anothers({"tables": {"public.album": {}, "public.genre": {}}})
    assert not anothers({"tables": {"public.album": {}, "public.orders": {}}})
    assert not anothers({"tables": {"public.ordres": {}}}), "misspelt"
    assert not anothers({"source": "shop", "tables": {"public.album": {}}})
    assert not anothers({"sources": {"shop": {"tables": {"public.album": {}}}}})
    assert not anothers({})
