"""Bad input gets one line that names the thing and the remedy, and an exit code that says what kind it was."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse import machine
from lakehouse.servers import postgres
from lakehouse.settings import ROOT, Settings


def run(environment: dict[str, str], *arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "ignore", "-m", "comporta", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment | changes, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def refused(done: "subprocess.CompletedProcess[str]", code: int, *words: str) -> None:
    """One line on standard error with `words`, exit code `code`, no stack trace."""
    assert done.returncode == code, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def other(dsn: str, **parts: str) -> str:
    from urllib.parse import urlsplit

    found = urlsplit(dsn)
    password, path = parts.get("password", found.password), parts.get("database", found.path.lstrip("/"))
    return f"postgresql://{found.username}:{password}@127.0.0.1:{parts.get('port', found.port)}/{path}"


def test_no_source(environment: dict[str, str]) -> None:
    refused(run(environment, "ingest"), 2, "SOURCE_DSN", ".env beside the Makefile")


def test_nobody_listens_at_the_source(environment: dict[str, str]) -> None:
    refused(
        run(environment, "discover", SOURCE_DSN="postgresql://me:canary@127.0.0.1:1/db"), 3, "SOURCE_DSN", "Check host and port"
    )


def test_source_is_no_connection_string(environment: dict[str, str]) -> None:
    refused(run(environment, "discover", SOURCE_DSN="mysql//x"), 2, "SOURCE_DSN", "postgresql://")


def test_password_is_refused_and_never_shown(environment: dict[str, str], fresh_database: str) -> None:
    done = run(environment, "--debug", "discover", SOURCE_DSN=other(fresh_database, password="canary-4711"))
    assert done.returncode == 3
    assert "password authentication failed" in done.stderr and "canary-4711" not in done.stdout + done.stderr


def test_database_does_not_exist(environment: dict[str, str], fresh_database: str) -> None:
    refused(run(environment, "discover", SOURCE_DSN=other(fresh_database, database="nowhere")), 3, '"nowhere" does not exist')


def test_database_is_empty(environment: dict[str, str], fresh_database: str) -> None:
    refused(run(environment, "discover", SOURCE_DSN=fresh_database), 3, "holds no table")


def test_missing_table_suggests_a_near_one(
    environment: dict[str, str], database: postgres.Postgres, fresh_database: str, spark_server: Settings
) -> None:
    _execute(fresh_database, "create table orders(id int)")
    refused(run(environment, "ingest", "--tables", "ordres", SOURCE_DSN=fresh_database), 3, "TABLES=ordres", "public.orders")


def test_unreadable_table_is_a_note_and_a_failure_only_where_it_was_asked_for(
    environment: dict[str, str], fresh_database: str, spark_server: Settings
) -> None:
    _execute(
        fresh_database,
        "create table open(id int primary key)",
        "create table closed(id int)",
        "insert into open values (1)",
        "drop role if exists narrow",
        "create role narrow login password 'narrow'",
        "grant select on open to narrow",
    )
    dsn = other(fresh_database, password="narrow").replace("comporta:", "narrow:")
    own = {"SOURCE_DSN": dsn, "SOURCE_NAME": "narrow", "LAKE_URL": str(spark_server.var_dir / "narrow")}
    done = run(environment, "ingest", **own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "· public.closed: may not be read" in done.stdout and "committed" in done.stdout
    done = run(environment, "ingest", "--tables", "open,closed", **own)
    refused(done, 3, "1 of 2 tables")
    assert "✗ public.closed: may not be read" in done.stdout
    refused(run(environment, "ingest", "--tables", "closed", **own), 3, "1 of 1 tables")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tables:\n  public.t:\n    cursr: updated_at\n", ["tables.public.t.cursr", "Did you mean cursor"]),
        ("tables:\n  public.t:\n    mode: sometimes\n", ["tables.public.t.mode", "sometimes"]),
        ("tables: [\n", ["sources.yml, line", "no YAML"]),
        ("sources: {crm: {tables: {public.t: {cursr: x}}}}", ["sources.crm.tables.public.t.cursr", "Did you mean cursor"]),
        ("sources: {crm: {dns: x}}", ["sources.crm.dns", "Did you mean dsn"]),
        ("source: {crm: {}}", ["sources.yml: source"]),
        ("at_ones: 3", ["at_ones", "Did you mean at_once"]),
    ],
)
def test_sources_file_is_wrong(tmp_path: Path, text: str, words: list[str]) -> None:
    from ingestion.sources import config
    from ingestion.sources.postgres import entry
    from lakehouse.errors import ComportaError

    path = tmp_path / "sources.yml"
    path.write_text(text)
    with pytest.raises(ComportaError) as caught:
        entry.read(config.of(Settings(source_name="crm"), config.load(path)))
    for word in words:
        assert word in str(caught.value)


def test_an_entry_that_names_no_table_suggests_a_near_one(tmp_path: Path) -> None:
    from ingestion.sources import config
    from ingestion.sources.postgres import entry
    from ingestion.sources.postgres.discover import PostgresTable

    path = tmp_path / "sources.yml"
    path.write_text("tables:\n  public.ordres: {}\n  public.old: {enabled: false}\n  public.orders: {}\n")
    sources = entry.read(config.of(Settings(source_name="crm"), config.load(path)))
    [error] = entry.vanished([PostgresTable("public", "orders", "r", 0, True, (), ())], sources)
    assert str(error).startswith("public.ordres: is not in the database. Did you mean public.orders?")


def test_unknown_cursor_names_the_columns() -> None:
    from ingestion.bronze.columns import SourceColumn
    from ingestion.sources.postgres import entry as source
    from ingestion.sources.postgres.discover import PostgresTable
    from lakehouse.errors import SourceError

    table = PostgresTable(
        "public", "t", "r", 0, True, ("id",), (SourceColumn("id", "int4"), SourceColumn("updated_at", "timestamptz"))
    )
    with pytest.raises(SourceError, match=r'cursor column "updated" does not exist \(wanted: one of id, updated_at\)'):
        source.settle(table, source.Entry(cursor="updated"))


def test_port_in_use_is_named_with_its_setting(environment: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused(run(environment, "up", VAR_DIR=str(tmp_path), THRIFT_PORT=port), 4, f"port {port}", "is in use", "THRIFT_PORT")
    assert not (tmp_path / "run" / "spark.pid").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("THRIFT_PORT", "many"), ("SCALE", "-1"), ("LAKE_URL", "ftp://x"), ("SPARK_MEMORY", "lots")]
)
def test_setting_is_wrong(environment: dict[str, str], name: str, value: str) -> None:
    refused(run(environment, "status", **{name: value}), 2, name)


def test_bucket_of_the_lake_is_missing(environment: dict[str, str], fresh_database: str) -> None:
    _execute(fresh_database, "create table t(id int)")
    changes = {
        "SOURCE_DSN": fresh_database,
        "LAKE_URL": "s3://nowhere/lake",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "canary-4711",
    }
    done = run(environment, "ingest", **changes)
    refused(done, 5, "s3://nowhere", "AWS_ENDPOINT_URL")
    assert "canary-4711" not in done.stdout + done.stderr


def test_disk_is_full(tmp_path: Path) -> None:
    from lakehouse.errors import StorageError
    from lakehouse.store import storage

    with pytest.raises(StorageError, match="MB free.*Free some room"):
        storage.check_room(tmp_path, needed=2**60)


def test_lake_cannot_be_written(environment: dict[str, str], fresh_database: str) -> None:
    _execute(fresh_database, "create table t(id int)")
    refused(run(environment, "ingest", SOURCE_DSN=fresh_database, LAKE_URL="/proc/lake"), 5, "/proc/lake", "Set LAKE_URL")


def test_second_writer_is_told_who_holds_the_lock(environment: dict[str, str], fresh_database: str, settings: Settings) -> None:

    with machine.writing(settings, "a test"):
        done = run(environment, "ingest", SOURCE_DSN=fresh_database)
    refused(done, 6, "a test", f"pid {os.getpid()}", "since")


def test_broken_models_are_named_with_their_messages_a_line_each(
    environment: dict[str, str], spark_server: Settings, tmp_path: Path
) -> None:
    import shutil

    from lakehouse import dbt

    project = tmp_path / "dbt_project"
    shutil.copytree(dbt.PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    (project / "models" / "gold" / "sales" / "broken.sql").write_text("select order_idd from (select 1 as order_id) as orders")
    for number in range(4):
        (project / "models" / "gold" / "sales" / f"lost{number}.sql").write_text("select * from silver.nowhere")
    script = (
        "import sys, pathlib; from comporta import cli; from lakehouse import dbt, settings; dbt.PROJECT = pathlib.Path(sys.argv[1]);"
        "sys.argv[1:] = []; cli.cli.add_command(cli.click.command('x')(lambda: dbt.invoke(settings.load(), 'run', '--select', 'broken', 'lost0', 'lost1', 'lost2', 'lost3')));"
        "sys.argv.append('x'); cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(project)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    refused(done, 9, "5 models or tests failed: broken, lost0, lost1 and 2 more", "dbt.log")
    told = [line for line in done.stdout.splitlines() if line.startswith(("✗", "  …"))]
    assert told[0].startswith("✗ models/gold/sales/broken.sql:1: there is no column order_idd. Did you mean order_id?")
    assert told[1:] == [
        f"✗ models/gold/sales/lost{number}.sql:1: there is no table or view silver.nowhere." for number in (0, 1)
    ] + ["  … and 2 more"]


def _execute(dsn: str, *statements: str) -> None:
    from contextlib import closing

    import psycopg2

    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        for statement in statements:
            connection.cursor().execute(statement)


@pytest.mark.parametrize("command", [["discover"], ["ingest", "--dry-run"], ["reconcile"], ["seed"]])
def test_a_source_elsewhere_without_tls(
    environment: dict[str, str], fresh_database: str, command: list[str], tmp_path: Path
) -> None:
    dsn = fresh_database.replace("@127.0.0.1:", "@db.example:") + "?hostaddr=127.0.0.1"
    done = run(environment, *command, SOURCE_DSN=dsn, HOME=str(tmp_path))
    refused(done, 3, "SOURCE_DSN", "server does not support SSL", "(wanted: TLS)", "sslmode=disable (or prefer) in SOURCE_DSN")
