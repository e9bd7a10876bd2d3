"""One lake, many sources: two databases and a source of a kind that only these tests know; none falls with another."""

import json
from collections.abc import Callable
from pathlib import Path

import apart
import click
import pytest
from bronze_reader import bronze, execute, query
from click.testing import CliRunner

from ingestion import run as job
from ingestion.command import copy, discover, reconcile
from ingestion.command import ingest as ingest_command
from ingestion.settle import missed
from ingestion.sources import config
from ingestion.sources.base import Request
from lakehouse.errors import ComportaError, PartialCopyError, SettingsError, SourceError
from lakehouse.settings import Settings
from lakehouse.tables import ledger

SOURCES = """
at_once: 3
sources:
  one: {{dsn: "${{ONE_DSN}}", tables: {{public.t: {{mode: full}}}}}}
  two: {{dsn: "${{TWO_DSN}}"}}
  gone: {{dsn: "${{GONE_DSN}}"}}
  log: {{kind: tiny.notes, path: {path}}}
"""


def note(path: Path, *notes: tuple[int, str]) -> None:
    with path.open("a") as log:
        log.writelines(json.dumps({"id": number, "text": text}) + "\n" for number, text in notes)


@pytest.fixture
def many(spark_server: Settings, new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A lake whose sources.yml names four; `gone` is not there."""
    one, two = new_database(), new_database()
    for dsn, said in ((one, "of one"), (two, "of two")):
        execute(dsn, "create table t(id int primary key, v text)", f"insert into t values (1, '{said}'), (2, '{said}')")
    note(tmp_path / "notes.jsonl", (1, "a"), (2, "b"))
    for name, value in (
        ("ONE_DSN", one),
        ("TWO_DSN", two),
        ("GONE_DSN", "postgresql://nobody@127.0.0.1:1/nowhere?sslmode=disable"),
    ):
        monkeypatch.setenv(name, value)
    (tmp_path / "sources.yml").write_text(SOURCES.format(path=tmp_path / "notes.jsonl"))
    monkeypatch.setattr(config.load, "__defaults__", (tmp_path / "sources.yml",))
    return spark_server.model_copy(update={"lake_url": str(tmp_path / "lake"), "source_patience": 0})


def ingest(settings: Settings, *names: str) -> None:
    copy(settings, Request(), config.chosen(settings, config.load(), names))


def held(settings: Settings, source: str, table: str, columns: str) -> list[tuple[object, ...]]:
    named = settings.model_copy(update={"source_name": source})
    return sorted(bronze(named, table, columns))


def test_databases_and_a_kind_of_ones_own_fill_one_lake_and_one_that_is_gone_holds_none(
    many: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PartialCopyError, match="1 of 4 sources were not copied"):
        ingest(many)
    assert held(many, "one", "t", "id, v") == [(1, "of one"), (2, "of one")]
    assert held(many, "two", "t", "id, v") == [(1, "of two"), (2, "of two")]
    assert held(many, "log", "notes", "id, text") == [(1, "a"), (2, "b")]
    rows = ledger.rows(many, "batches")
    assert sorted((row["source"], row["source_table"], row["status"]) for row in rows) == [
        ("log", "notes", "committed"),
        ("one", "public.t", "committed"),
        ("two", "public.t", "committed"),
    ]
    assert len({row["batch_id"] for row in rows}) == 3, "a number for each, though they were read side by side"

    note(tmp_path / "notes.jsonl", (3, "c"))
    ingest(many, "log", "two")
    last = {row["source"]: row for row in ledger.rows(many, "batches")}
    assert (last["log"]["status"], last["log"]["rows"], last["two"]["status"]) == ("committed", 1, "empty")
    assert held(many, "log", "notes", "id, text") == [(1, "a"), (2, "b"), (3, "c")]
    assert {row["batch_id"] for row in ledger.rows(many, "batches") if row["source"] == "one"} == {last["one"]["batch_id"]}

    with pytest.raises(SourceError, match="127.0.0.1"):
        ingest(many, "gone")
    with pytest.raises(SettingsError, match="Did you mean two"):
        ingest(many, "twoo")


def test_of_several_sources_each_is_compared_looked_at_and_planned_though_one_is_gone(
    many: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in apart.variables(many).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(config, "PATH", tmp_path / "sources.yml")
    ingest(many, "one", "two")

    def said(command: click.Command, *words: str) -> tuple[str, str]:
        done = CliRunner().invoke(command, words)
        assert isinstance(done.exception, ComportaError), done.exception
        return done.output, str(done.exception)

    told, error = said(reconcile, "--source", "one,gone,two")
    assert told.count("equal") == 2 and "gone: SOURCE_DSN: connection to server" in told
    assert "1 of 3 tables are not known to be equal" in error
    told, error = said(ingest_command, "--dry-run")
    assert "changes by xmin" in told and "notes" in told and "1 of 4 sources could not be planned" in error
    told, error = said(discover)
    assert "two: PostgreSQL" in told and "log: notes in" in told and "1 of 4 sources could not be looked at" in error
    assert {*config.load().sources["two"].tables} == {"public.t"} and config.load().sources["two"].dsn == "${TWO_DSN}"
    assert not config.load().sources["gone"].tables


def test_what_is_wrong_with_a_source_is_said_of_it(many: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.jsonl").write_text('{"id": 1, "text": "a"}\nno note\n')
    with pytest.raises(SourceError, match="1 of 1 tables"):
        ingest(many, "log")
    assert "a line is no note" in ledger.rows(many, "batches")[-1]["error"]
    monkeypatch.delenv("TWO_DSN")
    with pytest.raises(SettingsError, match=r"sources\.two\.dsn: asks for TWO_DSN, which is not set"):
        ingest(many, "two")
    (tmp_path / "sources.yml").write_text("sources: {crm: {kind: oracle, path: x}}")
    with pytest.raises(SettingsError, match=r"sources\.crm\.kind: is 'oracle' \(wanted: files, postgres, or a module"):
        ingest(many, "crm")


def test_planning_writes_nothing_and_a_batch_that_was_not_noted_is_noted_by_the_next_run(
    lake_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, 'create table t("order id" int primary key, v text)', "insert into t values (1, 'a')")
    assert job.run(lake_settings).failed == []
    execute(dsn, "insert into t values (2, 'b')")
    with monkeypatch.context() as killed:
        killed.setattr(job, "_record", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            job.run(lake_settings)
    lake = Path(lake_settings.lake_url)

    def files() -> dict[Path, float]:
        return {path: path.stat().st_mtime for path in lake.rglob("*") if path.is_file()}

    before = files()
    section = config.of(lake_settings, config.load())
    [plan], refused = job.preview(lake_settings, Request(), section)
    assert missed(lake_settings, [plan]) == [plan] and refused.failed == []
    assert files() == before and len(before) > 5

    assert job.run(lake_settings).outcomes[0].status == "empty"
    first, healed, _ = ledger.rows(lake_settings, "batches")
    same = ("source", "source_table", "table_name", "mode", "key", "status")
    assert {name: healed[name] for name in same} == {name: first[name] for name in same}
    assert json.loads(first["key"]) == ["order_x20_id"] and healed["rows"] == 1 and healed["run_id"] == healed["batch_id"]
    assert query(dsn, "select count(*) from t") == [(2,)]
