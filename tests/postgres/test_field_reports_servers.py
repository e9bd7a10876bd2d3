"""Kinds of trouble that people report of copies out of PostgreSQL, which take a server of their own to show."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import apart
import psycopg2
import pytest
from bronze_reader import execute, query
from ports import free_ports
from pydantic import SecretStr

from ingestion import reconcile
from ingestion import run as ingest
from lakehouse.servers.postgres import Postgres
from lakehouse.settings import Settings

_PARTITIONS = 600
_PAGE = 8192 * 4  # transactions whose fate one page of pg_xact tells


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where this module's servers live."""
    made = apart.folder("field")
    yield made
    shutil.rmtree(made)


@pytest.fixture
def server(folder: Path, request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """A server of the test's own, with the database `src`."""
    place = folder / request.node.name
    made = Postgres(place, free_ports(1)[0], folder / f"{request.node.name}.log")
    made.start()
    made.create_database("src")
    yield made
    made.stop()


def reading(settings: Settings, server: Postgres) -> Settings:
    """`settings` with `server` as the source."""
    return settings.model_copy(update={"source_dsn": SecretStr(server.dsn("src"))})


def test_rows_older_than_half_the_circle_of_transactions(server: Postgres, lake_settings: Settings) -> None:
    """Frozen rows whose transaction lies more than 2^31 back look as if they came from the future; they are not news."""
    dsn = server.dsn("src")
    execute(dsn, "create table t(id int primary key, v text)", "insert into t select n, 'old' from generate_series(1, 50) n")
    for xid in (1_500_000_000, 2_500_000_000):
        _skip_to(server, xid)
    assert query(dsn, "select max(age(xmin)) < 0 from t") == [(True,)]
    settings = reading(lake_settings, server)
    assert [outcome.rows for outcome in ingest.run(settings).outcomes] == [50]
    execute(dsn, "update t set v = 'new' where id = 1")
    assert [outcome.rows for outcome in ingest.run(settings).outcomes] == [1]
    assert [outcome.status for outcome in ingest.run(settings).outcomes] == ["empty"]
    assert [item.word for item in reconcile.run(settings)] == ["equal"]


def test_more_partitions_than_a_server_holds_locks_for(server: Postgres, lake_settings: Settings) -> None:
    """The table of locks is everybody's: what looks at all partitions takes them a few at a time, also to find deleted rows."""
    execute(server.dsn("src"), "alter system set max_locks_per_transaction = 10", "alter system set max_connections = 12")
    server.stop()
    server.start()
    dsn, settings, span = server.dsn("src"), reading(lake_settings, server), 100
    for table, key in (("keyed", "primary key"), ("plain", "")):
        execute(dsn, f"create table {table}(id int {key}, v int) partition by range (id)")
        for first in range(0, _PARTITIONS, span):
            execute(
                dsn,
                *(
                    f"create table {table}{n} partition of {table} for values from ({n}) to ({n + 1})"
                    for n in range(first, first + span)
                ),
                f"insert into {table} select n, 0 from generate_series({first}, {first + span - 1}) n",
            )
    with pytest.raises(psycopg2.Error, match="max_locks_per_transaction"):
        query(dsn, "select count(*) from keyed")
    assert _copied(settings) == {"keyed": ("committed", _PARTITIONS, 0), "plain": ("committed", _PARTITIONS, 0)}
    execute(dsn, "update keyed7 set v = 1", "delete from keyed8", "delete from keyed599")
    assert _copied(settings) == {"keyed": ("committed", 1, 2), "plain": ("empty", 0, 0)}
    assert [item.word for item in reconcile.run(settings)] == ["equal", "equal"]


def _copied(settings: Settings) -> dict[str, tuple[str, int, int]]:
    found = ingest.run(settings).outcomes
    assert not [each.error for each in found if each.error]
    return {each.table.partition(".")[2]: (each.status, each.rows, each.deletes) for each in found}


def _skip_to(server: Postgres, xid: int) -> None:
    """Stop the server and let it go on at about transaction `xid`, less than 2^31 away, all rows frozen."""
    xid -= xid % _PAGE
    execute(server.dsn("postgres"), "alter database template0 allow_connections true")
    for name in ("template0", "template1", "postgres", "src"):
        execute(server.dsn(name), "vacuum freeze")
    server.stop()
    segment = server._data / "pg_xact" / f"{xid // (_PAGE * 32):04X}"
    segment.write_bytes(bytes(32 * 8192))
    shutil.chown(segment, (server._data / "PG_VERSION").owner())
    server._run("pg_resetwal", "-f", "-D", str(server._data), "-x", str(xid), "-u", str(xid))
    server.start()
