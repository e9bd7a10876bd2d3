"""A database whose names and values are all hostile goes the whole way of bronze; each command shows them as text."""

import io
import os
import re
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from deltalake import DeltaTable
from psycopg2 import sql as pg

from comporta import cli
from ingestion.sources import config as source
from lakehouse import console
from lakehouse.engines import catalog
from lakehouse.settings import Settings
from lakehouse.tables import ledger

# Each is the name of a table and of its columns; all are the values of each table.
NAMES = [
    'x"; drop table canary; --',
    "x'; drop table canary; --\\",
    "`b` $HOME $(touch canary) ${env:HOME} ${spark.master}",
    "[red]a[/red] [/nope] :smile:",
    "x: [y, {z}] # c",
    "../../up/..",
    "\x1b[31m\u202ered\nnew",
    "a,b*c?d[e]",
    "%s %(x)s {} {0} {batch} {rows} {{ 1/0 }}",
    "<script>x</script><img src=//e.example>",
]
SCHEMA = "s'[x]"


@pytest.fixture
def hostile(lake_settings: Settings) -> Settings:
    with closing(psycopg2.connect(lake_settings.dsn())) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        # As it was before 2010, and is in a database that an old program needs so: a backslash is no character in a literal.
        cursor.execute(
            pg.SQL("alter database {} set standard_conforming_strings = off").format(pg.Identifier(connection.info.dbname))
        )
        cursor.execute("create table canary(id int primary key, updated_at timestamp); insert into canary values (1, now())")
        cursor.execute("create index on canary (updated_at)")
        cursor.execute(pg.SQL("create schema {}").format(pg.Identifier(SCHEMA)))
        for name in NAMES:
            table, column, other = pg.Identifier(SCHEMA, name), pg.Identifier(name), pg.Identifier(name + "\\")
            cursor.execute(pg.SQL("create table {} ({} text primary key, {} date)").format(table, column, other))
            cursor.execute(pg.SQL("comment on table {} is {}").format(table, pg.Literal(name)))
            cursor.execute(pg.SQL("insert into {} select v, 'infinity' from unnest({}) v").format(table, pg.Literal(NAMES)))
    return lake_settings


class Shell:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def run(self, *arguments: str) -> tuple[int, str]:
        text = io.StringIO()
        for name in ("out", "err"):
            self._patch.setattr(console, name, console._Plain(file=text, width=1000))
        self._patch.setattr(console, "echo", lambda said: text.write(console.shown(said)))
        self._patch.setattr(sys, "argv", ["comporta", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        said = text.getvalue()
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", said)
        return code, said


@pytest.fixture
def shell(hostile: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    for name, value in hostile.model_dump().items():
        if value not in (None, ""):
            monkeypatch.setenv(name.upper(), value.get_secret_value() if hasattr(value, "get_secret_value") else str(value))
    monkeypatch.setattr(source, "PATH", tmp_path / "sources.yml")
    monkeypatch.setattr(source.load, "__defaults__", (tmp_path / "sources.yml",))
    return Shell(monkeypatch)


def told(shell: Shell, *arguments: str) -> str:
    code, said = shell.run(*arguments)
    assert code == 0, (arguments, said)
    return said


def test_hostile_names_and_values_arrive_and_are_shown(shell: Shell, hostile: Settings) -> None:
    labels = [f"{SCHEMA}.{name}" for name in NAMES]
    shown = [console.shown(label).split("\n")[0] for label in labels]
    for arguments in (("discover",), ("ingest", "--dry-run"), ("ingest",), ("ingest",), ("reconcile",)):
        said = told(shell, *arguments)
        assert [label for label in shown if label not in said] == [], arguments
    assert said.count("equal") == len(NAMES) + 1
    for label in labels:  # by its own name, whatever a pattern would make of it
        said = told(shell, "ingest", "--dry-run", "--tables", label)
        assert [each for each in shown if each in said] == [console.shown(label).split("\n")[0]]
    told(shell, "gate", "--layer", "bronze")
    told(shell, "release", "--layer", "bronze")
    tables = sorted({row["table_name"] for row in ledger.rows(hostile, "batches")} - {f"{hostile.source_name}__canary"})
    assert len(tables) == len(NAMES) and all(re.fullmatch(r"\w+", table) for table in tables)
    for name in NAMES:
        said = told(shell, "why", "--table", f"bronze.{tables[0]}", "--key", name)
        assert "readers see it: release 1" in said and console.shown(name).split("\n")[0] in said
    column = DeltaTable(f"{hostile.lake_url}/bronze/{tables[0]}").schema().fields[0].name
    said = told(shell, "sql", "--execute", f"select `{column}` from bronze_gated.`{tables[0]}`")
    assert [name for name in NAMES if console.shown(name).split("\n")[0] not in said] == []
    told(shell, "site")


def test_hostile_bounds_are_values(shell: Shell, hostile: Settings) -> None:
    told(shell, "ingest", "--tables", "canary")
    for option in ("--since", "--until"):
        for name in ["x'; drop table canary; --", "\\'; drop table canary; --", "%s", "-1\n"]:
            _, said = shell.run("ingest", "--tables", "canary", option, name)
            assert "SINCE and UNTIL" in said and "invalid input syntax" in said, said
    with closing(psycopg2.connect(hostile.dsn())) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from canary")
        assert cursor.fetchone() == (1,)


def test_hostile_statement_is_what_was_typed(spark_server: Settings, spark: Any) -> None:
    text = "${env:HOME} ${system:user.home} ${spark.master} ${hiveconf:x} `" + '" $HOME \\n'
    for each in ([text], NAMES):
        asked = "select " + ", ".join(map(catalog.literal, each))
        assert catalog.thrift_rows(spark_server, asked) == [tuple(each)]
        assert [tuple(row) for row in spark.sql(asked).collect()] == [tuple(each)]
    named = catalog.quote(text)
    assert spark.sql(f"select 1 as {named}").columns == [text] and os.environ["HOME"] not in named
