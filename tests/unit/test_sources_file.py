"""sources.yml: which sources a run reads, where they are, and that a secret stays out of the file."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from ingestion import many
from ingestion.sources import config, kinds
from ingestion.sources.config import Section, SourcesFile
from ingestion.sources.postgres import entry
from ingestion.sources.postgres.discover import PostgresTable
from lakehouse.errors import LockError, SettingsError, SourceError
from lakehouse.settings import Settings

CRM = SecretStr("postgresql://reader@localhost/crm")
MANY = SourcesFile.model_validate(
    {
        "sources": {
            "crm": {"tables": {"public.a": {}}},
            "erp": {"dsn": "${ERP_DSN}"},
            "log": {"kind": "tiny.notes", "path": "x"},
            "idle": {},
        },
    }
)


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
    file = SourcesFile.model_validate(said)
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
    tables = [PostgresTable("public", name, "r", 0, True, (), ()) for name in ("orders", "payments")]

    def anothers(said: dict[str, object]) -> bool:
        return entry.is_anothers(tables, entry.read(config.of(Settings(source_name="shop"), SourcesFile.model_validate(said))))

    assert anothers({"tables": {"public.album": {}, "public.genre": {}}})
    assert not anothers({"tables": {"public.album": {}, "public.orders": {}}})
    assert not anothers({"tables": {"public.ordres": {}}}), "misspelt"
    assert not anothers({"source": "shop", "tables": {"public.album": {}}})
    assert not anothers({"sources": {"shop": {"tables": {"public.album": {}}}}})
    assert not anothers({})


def test_a_source_that_does_not_say_where_it_is_is_never_read_from_another() -> None:
    with pytest.raises(SettingsError, match=r"sources\.idle: does not say where it is \(wanted: dsn\)\. Write dsn: \$\{IDLE_DSN\}"):
        config.chosen(Settings(source_dsn=CRM), MANY, ["idle"])


@pytest.mark.parametrize(("one", "other"), [("a", "a__b"), ("a", "a_"), ("crm", "crm__public")])
def test_sources_whose_bronze_tables_could_be_each_others_are_refused(one: str, other: str) -> None:
    file = SourcesFile.model_validate({"sources": {name: {"dsn": "${X}"} for name in (one, other, "b")}})
    with pytest.raises(SettingsError, match=f"source {other}: its bronze tables, .* could be taken for those of {one}"):
        config.chosen(Settings(), file)
    fine = SourcesFile.model_validate({"sources": {name: {"dsn": "${X}"} for name in ("a", "ab", "a_b")}})
    assert len(config.chosen(Settings(), fine)) == 3


@pytest.mark.parametrize(
    ("dsn", "refused"),
    [
        ("postgresql://u:hunter22@${HOST}/db", True),
        ("host=${HOST} password=hunter22", True),
        ("host=${HOST} sslpassword=hunter22", True),
        ("postgresql://u:${HOST}@h/db", False),
        ("postgresql://u@${HOST}/db", False),
        ("host=h password=${HOST}", False),
        ("${HOST}", False),
    ],
)
def test_a_password_beside_a_variable_is_one_in_the_file(monkeypatch: pytest.MonkeyPatch, dsn: str, refused: bool) -> None:
    monkeypatch.setenv("HOST", "localhost" if dsn != "${HOST}" else "postgresql://u:p@h/db")
    if not refused:
        assert config.settings_of(Settings(), Section("crm", dsn=dsn)).source() == "crm"
        return
    with pytest.raises(SettingsError, match="has a password in it"):
        config.settings_of(Settings(), Section("crm", dsn=dsn))


def test_a_key_with_nothing_behind_it_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "sources.yml").write_text("sources:\n  crm:\n  erp:\n    dsn: ${ERP_DSN}\n    tables:\n")
    assert names(config.chosen(Settings(source_dsn=CRM), config.load(tmp_path / "sources.yml"))) == ["crm", "erp"]


@pytest.mark.parametrize(
    "text",
    [
        "sources: {'': {}}",
        "sources: {crm: {kind: ..x}}",
        "sources: {crm: {kind: a b}}",
        "sources: {crm: {}}\ntables: {public.a: {}}",
        "at_once: 0",
    ],
)
def test_what_the_file_can_not_mean_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "sources.yml").write_text(text)
    with pytest.raises(SettingsError, match=r"^sources\.yml"):
        config.load(tmp_path / "sources.yml")


@pytest.mark.parametrize("kind", ["oracle", "file", "mycompany.notes", "tiny.nothing"])
def test_a_kind_that_is_not_there_is_told(kind: str) -> None:
    with pytest.raises(
        SettingsError, match=f"sources.crm.kind: is '{kind}' .wanted: files, postgres, or a module with a class Kind"
    ):
        kinds.find(Section("crm", kind))


def test_of_several_sources_each_has_its_turn() -> None:
    sections = [Section(name) for name in "abc"]

    def do(error: Exception) -> list[object]:
        asked: list[str] = []

        def one(section: Section) -> str:
            asked.append(section.name)
            if section.name == "a":
                raise error
            return section.name

        ended = many.each(sections, one)
        assert sorted(asked) == ["a", "b", "c"]
        return ended

    gone, broken = SourceError("a", "is gone"), ZeroDivisionError()
    assert do(gone) == [gone, "b", "c"]
    many.raise_unexpected(do(gone))
    with pytest.raises(ZeroDivisionError):
        many.raise_unexpected(do(broken))
    with pytest.raises(LockError):
        do(LockError("lake", "is lost"))

    def fail(section: Section) -> None:
        raise gone

    with pytest.raises(SourceError):
        many.each(sections[:1], fail)
