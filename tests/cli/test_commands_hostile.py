"""Every argument of every command takes any text: it is refused in one line, or it is data. A new one without its row fails."""

import io
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import psycopg2
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from ruamel.yaml import YAML
from TCLIService import ttypes

from comporta import cli, demo
from ingestion.sources import config as source
from lakehouse import console
from lakehouse.engines import catalog, session
from lakehouse.errors import SourceError
from lakehouse.servers import server
from lakehouse.settings import Settings
from lakehouse.tables import candidate, ledger

TEXTS = [
    "'; drop table canary; --",
    '"; drop table canary; --',
    "`touch canary` $(touch canary) $HOME",
    "--debug",
    "-rf",
    "/",
    "..",
    "../../../etc/passwd",
    "[red]x[/nope] :smile:",
    "a\nb\x1b[2J\u202e",
    "{{ 1/0 }} {x} {0} %s %(x)s",
    "²",
    "٣",
    "\\",
    "a\\' or 1=1",
    "é ☃ 💥",
    "\udcff",
    "9" * 30,
    "1e9999",
    "NaN",
    "x" * 5000,
    "* ? [",
    '{"id": "\\ud800"}',
    "yes",
    " ",
    ",",
    "x: [y",
    "<script>",
]
MODEL = ("model", "--name", "gold.sales.rpt_a", "--from", "t", "--key", "id", "--dry-run")
UPLOAD = ("upload", "var/dbt/target/manifest.json", "--source", "local", "--dry-run")
# Of each argument: the words around its text, and the exit codes that there may be. None: what it answers is looked at below.
ROWS: dict[tuple[str, str], tuple[tuple[str, ...], set[int] | None]] = {
    ("dbt", "--layer"): (("dbt",), {2}),
    ("completion", "shell"): (("completion",), {2}),
    ("demo", "--sample"): (("demo",), {2}),
    ("dev", "--name"): (("dev",), {0, 2}),  # of most texts some letters are left
    ("diff", "--release"): (("diff",), {8}),
    ("diff", "--rows"): (("diff", "--release", "1"), {2, 8}),
    ("diff-models", "--name"): (("diff-models",), {2, 11}),
    ("diff-models", "--rows"): (("diff-models", "--name", "ana"), {2, 11}),
    ("gate", "--layer"): (("gate",), {2}),
    ("gate", "--tables"): (("gate", "--layer", "bronze"), {2}),
    ("discover", "--source"): (("discover",), {2}),
    ("ingest", "--source"): (("ingest", "--dry-run"), {2}),
    ("ingest", "sources"): (("ingest", "--dry-run"), {2}),
    ("ingest", "--since"): (("ingest", "--dry-run", "--tables", "canary"), None),
    ("ingest", "--tables"): (("ingest", "--dry-run"), {3}),
    ("ingest", "--until"): (("ingest", "--dry-run", "--tables", "canary"), None),
    ("model", "--from"): (("model", "--name", "gold.sales.rpt_a", "--key", "id", "--dry-run"), {2}),
    ("model", "--key"): (("model", "--name", "gold.sales.rpt_a", "--from", "t", "--dry-run"), {2}),
    ("model", "--name"): (("model", "--from", "t", "--key", "id", "--dry-run"), {2}),
    ("model", "--owner"): (MODEL, None),
    ("reconcile", "--source"): (("reconcile",), {2}),
    ("reconcile", "--tables"): (("reconcile",), {3}),
    ("release", "--layer"): (("release",), {2}),
    ("requeue", "--table"): (("requeue",), {2}),
    ("rollback", "--release"): (("rollback",), {2, 8}),
    ("seed", "--from"): (("seed",), {2, 3}),  # a folder that is there holds no CSV files
    ("seed", "--encoding"): (("seed",), {2}),
    ("seed", "--escape"): (("seed",), {2}),
    ("seed", "--header"): (("seed",), {2}),
    ("seed", "--quote"): (("seed",), {2}),
    ("seed", "--separator"): (("seed",), {2}),
    ("sql", "--execute"): (("sql",), None),
    ("suite", "--owner"): (("suite", "--table", "gold.t", "--dry-run"), None),
    ("suite", "--table"): (("suite", "--dry-run"), {2}),
    ("traffic", "--days"): (("traffic",), {2, 3}),
    ("traffic", "--sample"): (("traffic",), {2}),
    ("upload", "paths"): (("upload", "--source", "local"), {2}),
    ("upload", "--date"): (UPLOAD, {2}),
    ("upload", "--entity"): (UPLOAD, {0, 2}),  # some texts are names
    ("upload", "--files"): (("upload", "--source", "local"), {2}),
    ("upload", "--format"): (UPLOAD, {2}),
    ("upload", "--source"): (UPLOAD, {0, 2}),
    ("watch", "--name"): (("watch",), {2}),
    ("watch", "--rows"): (("watch", "--name", "ana"), {2}),
    ("why", "--key"): (("why", "--table", "gold.t"), {2, 11}),
    ("why", "--table"): (("why", "--key", "1"), {2}),
}


class Shell:
    """Runs commands in this process, and what they say."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch, self.folder, self.statements = patch, folder, list[str]()

    def run(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        self._patch.setattr(console, "out", console._Plain(file=out, width=160))
        self._patch.setattr(console, "err", console._Plain(file=err, width=160))
        self._patch.setattr(console, "echo", out.write)
        self._patch.setattr(sys, "argv", ["comporta", *arguments])
        code: Any = 0
        try:
            cli.main()
        except SystemExit as left:
            code = left.code
        return code, out.getvalue(), err.getvalue()


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fresh_database: str) -> Shell:
    """A lake of one table and a source of one; nobody is at Spark."""
    found = Shell(monkeypatch, tmp_path)
    settings = Settings(var_dir=tmp_path / "var")
    monkeypatch.setenv("VAR_DIR", str(settings.var_dir))
    monkeypatch.chdir(tmp_path)  # `..` is a folder of nobody else
    monkeypatch.setenv("SOURCE_DSN", fresh_database)
    monkeypatch.setattr(source, "PATH", tmp_path / "sources.yml")
    monkeypatch.setattr(source.load, "__defaults__", (tmp_path / "sources.yml",))
    monkeypatch.setattr(server, "start", lambda *_: False)
    monkeypatch.setitem(demo.SAMPLES, "shop", replace(demo.SAMPLES["shop"], play=_no_shop))
    monkeypatch.setattr(session, "connect", lambda _: type("Spark", (), {"stop": lambda self: None})())

    @contextmanager
    def cursor(*_: object, **__: object) -> Iterator[Any]:
        ended = type("Answer", (), {"operationState": ttypes.TOperationState.FINISHED_STATE})
        told = {
            "execute": lambda self, said, async_: found.statements.append(said),
            "poll": lambda self: ended,
            "description": None,
        }
        yield type("Cursor", (), told)()

    monkeypatch.setattr(catalog, "cursor", cursor)
    _write(settings)
    with psycopg2.connect(fresh_database) as connection:
        connection.cursor().execute("create table canary(id int primary key, at timestamptz)")
    connection.close()
    return found


def _no_shop(settings: Settings, days: int) -> None:
    assert days == 3
    raise SourceError("sample shop", "is not there")


def _write(settings: Settings) -> None:
    column = {"data_type": "string", "description": ""}
    node = {
        "resource_type": "model",
        "name": "t",
        "alias": "t",
        "unique_id": "model.t",
        "tags": ["gold"],
        "original_file_path": "t.sql",
        "columns": {"id": column},
        "config": {"unique_key": "id", "materialized": "table"},
    }
    target = settings.var_dir / "dbt" / "target"
    target.mkdir(parents=True)
    (target / "manifest.json").write_text(json.dumps({"nodes": {"model.t": node}, "parent_map": {"model.t": []}}))
    write_deltalake(candidate.location(settings, "gold", "t"), pa.table({"id": ["a", "b"]}))
    release = {"release_id": 1, "layer": "gold", "kind": "release", "status": "published", "note": "", "tables": '{"t": 0}'}
    ledger.append(settings, "releases", [release])
    ledger.append(settings, "batches", [{"batch_id": 1, "table_name": "shop__t", "status": "committed", "key": "[]"}])


def _arguments() -> Iterator[tuple[str, str]]:
    """Every argument that takes a text, of every command."""
    context = click.Context(cli.cli)
    for name in [*cli.PLACES, *cli.HIDDEN]:
        command = cli.cli.get_command(context, name)
        assert command is not None
        yield from ((name, max(each.opts, key=len)) for each in command.params if not getattr(each, "is_flag", False))


def test_commands_hostile_every_argument_has_a_row() -> None:
    assert sorted(_arguments()) == sorted(ROWS)
    assert [each.name for each in cli.cli.params if not getattr(each, "is_flag", False)] == []


def test_commands_hostile_new_argument_without_a_row_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cli.PLACES, "new", cli.Place("comporta.new:new", ""))
    monkeypatch.setitem(sys.modules, "comporta.new", SimpleNamespace(new=click.Command("new", params=[click.Option(["--text"])])))
    with pytest.raises(AssertionError):
        test_commands_hostile_every_argument_has_a_row()


@pytest.mark.parametrize("row", [row for row, (_, codes) in ROWS.items() if codes], ids=" ".join)
def test_commands_hostile_text_is_refused_in_one_line(shell: Shell, row: tuple[str, str]) -> None:
    around, codes = ROWS[row]
    before = _files(shell.folder)
    for text in TEXTS:
        code, out, err = shell.run(*around, f"{row[1]}={text}" if row[1].startswith("--") else f"x{text}")
        assert code in ({2} if text == "\udcff" else codes or ()), (text, out, err)
        assert code == 0 or (len(err.strip().split("\n")) == 1 and err.startswith("✗ ")), (text, err)
        _plain(text, out + err)
    made = {each.relative_to(shell.folder / "var") for each in _files(shell.folder) - before}
    assert all(
        re.fullmatch(r"(run|log|lake/_lease)/[\w.]+|dev/[a-z][a-z0-9_]*/(env|state/manifest\.json)", str(each)) for each in made
    ), made
    names = {name for said in shell.statements for name in re.findall("`(.*?)`", said)}
    assert all(re.fullmatch(r"dev_[a-z0-9_]+_(silver|gold)|t", name) for name in names), names


def _files(folder: Path) -> set[Path]:
    return {each for each in folder.rglob("*") if each.is_file()}


def _plain(text: str, said: str) -> None:
    assert "Traceback" not in said and "Error: " not in said, (text, said)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", said), (text, said)


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_commands_hostile_bound_is_a_value(shell: Shell, option: str) -> None:
    for text in TEXTS:
        code, out, err = shell.run(*ROWS["ingest", option][0], f"{option}={text}")
        _plain(text, out + err)
        assert (code == 0 and "was never copied" in out) or text == "\udcff", (text, out, err)


def test_commands_hostile_statement_arrives_as_it_is(shell: Shell) -> None:
    wanted = [text for text in TEXTS if text.strip() and text != "\udcff"]
    for text in wanted:
        code, out, err = shell.run("sql", f"--execute={text}")
        _plain(text, out + err)
    assert shell.statements == [text.strip().rstrip(";") for text in wanted]


@pytest.mark.parametrize("command", ["model", "suite"])
def test_commands_hostile_owner_is_a_value_of_yaml(shell: Shell, command: str) -> None:
    for text in TEXTS:
        code, out, err = shell.run(*ROWS[command, "--owner"][0], f"--owner={text}")
        if text == "\udcff":
            assert code == 2 and "is no text" in err, err
            continue
        assert code == 0, (text, err)
        suite = YAML(typ="safe").load(out.rpartition("suite.schema.json\n")[2])
        assert suite["owner"] == text
