"""A source that is a streaming replica: as exact as its primary, and a promotion or a restored copy does not pass unseen."""

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apart
import psycopg2
import pytest
from bronze_reader import bronze, execute, latest, query
from ports import free_ports
from pydantic import SecretStr

from ingestion import run as ingest
from ingestion.outcome import TableOutcome
from lakehouse.servers.postgres import Postgres
from lakehouse.settings import Settings


class Standby(Postgres):
    """A hot standby of `primary`, made from a base backup on the first start."""

    def __init__(self, primary: Postgres, folder: Path, port: int) -> None:
        super().__init__(folder, port, folder / "standby.log")
        self._primary = primary

    def _initialise(self) -> None:
        self._data.mkdir(parents=True, mode=0o700)
        shutil.copy(self._primary._secret, self._secret)
        self._hand_over()
        origin = self._primary.dsn("postgres")
        self._run("pg_basebackup", "-D", str(self._data), "-d", origin, "-c", "fast", "--write-recovery-conf", "--no-sync")

    def catch_up(self) -> None:
        """Return once all that the primary has committed until now can be read here."""
        [(wanted,)] = query(self._primary.dsn("postgres"), "select pg_current_wal_flush_lsn()")
        for _ in range(200):
            if query(self.dsn("postgres"), f"select pg_last_wal_replay_lsn() >= '{wanted}'") == [(True,)]:
                return
            time.sleep(0.05)
        raise AssertionError(f"{wanted} was not replayed: {self.log.read_text()}")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where this module's servers live; the system user that they run as must be able to reach it."""
    made = apart.folder("replica")
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def primary(folder: Path) -> Iterator[Postgres]:
    """A primary of this module's own: small to back up, and free to be stopped."""
    made = Postgres(folder / "primary", free_ports(1)[0], folder / "primary.log")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def standby(primary: Postgres, folder: Path) -> Iterator[Standby]:
    """A replica of the test's own, which it may promote."""
    made = Standby(primary, Path(tempfile.mkdtemp(dir=folder)), free_ports(1)[0])
    made.start()
    yield made
    made.stop()


@pytest.fixture
def written(primary: Postgres, lake_settings: Settings) -> str:
    """DSN of an empty database on the primary, the one that the test writes to."""
    return primary.create_database(str(lake_settings.source_name))


@pytest.fixture
def replica_settings(lake_settings: Settings, written: str, standby: Standby) -> Settings:
    """Settings whose source is the replica."""
    return reading(lake_settings, standby)


def reading(settings: Settings, server: Postgres) -> Settings:
    """`settings` with `server` as the source, under the same name in bronze."""
    return settings.model_copy(update={"source_dsn": SecretStr(server.dsn(str(settings.source_name)))})


def outcome(settings: Settings) -> TableOutcome:
    """The run's only table."""
    [only] = ingest.run(settings).outcomes
    assert only.status != "failed", only.error
    return only


def copied(settings: Settings, standby: Standby) -> TableOutcome:
    """As `outcome`, once the replica has what the primary has."""
    standby.catch_up()
    return outcome(settings)


def by_cursor(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Copy `public.t` by its column `updated_at`."""
    entry = folder / "sources.yml"
    entry.write_text("tables:\n  public.t:\n    cursor: updated_at\n")
    monkeypatch.setattr("ingestion.sources.config.load", lambda path=entry, real=ingest.source_file.load: real(path))


def test_increments_are_read_from_a_replica(written: str, replica_settings: Settings, standby: Standby) -> None:
    execute(written, "create table t(id int primary key, v text)", "insert into t select n, 'x' from generate_series(1, 5000) n")
    assert copied(replica_settings, standby).rows == 5000
    assert outcome(replica_settings).status == "empty"
    execute(written, "update t set v = 'y' where id <= 3", "insert into t values (9999, 'new')", "delete from t where id = 10")
    again = copied(replica_settings, standby)
    assert (again.rows, again.deletes, again.reason) == (4, 1, "")
    assert latest(replica_settings, "t", ["id"], "id, v") == query(written, "select id, v from t order by id")


@pytest.mark.parametrize(("cursor", "read_last"), [("xmin", 1), ("updated_at", 4)])
def test_a_long_transaction_on_the_primary_loses_nothing(
    cursor: str,
    read_last: int,
    written: str,
    replica_settings: Settings,
    standby: Standby,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A replica knows which transactions are open on the primary, but not since when: a column's window stays where it was."""
    if cursor == "updated_at":
        by_cursor(monkeypatch, tmp_path)
    execute(written, "create table t(id int primary key, updated_at timestamptz default now())", "insert into t values (4)")
    with closing(psycopg2.connect(written)) as wrote, closing(psycopg2.connect(written)) as idle:
        with wrote.cursor() as first, idle.cursor() as second:
            second.execute("select now()")  # begun, nothing written yet: the replica can't know of it
            first.execute("insert into t values (1)")
            execute(written, "insert into t values (3)")
            assert copied(replica_settings, standby).rows == 2
            second.execute("insert into t values (2)")
        wrote.commit()
        copied(replica_settings, standby)
        idle.commit()
    assert copied(replica_settings, standby).rows == read_last
    assert latest(replica_settings, "t", ["id"], "id") == [(1,), (2,), (3,), (4,)]


def test_a_promoted_replica_is_read_whole(
    primary: Postgres, written: str, lake_settings: Settings, replica_settings: Settings, standby: Standby
) -> None:
    """The primary went on for a while; what only it had is lost to the source, and so it is to bronze."""
    execute(written, "create table t(id int primary key, v text)", "insert into t values (1, 'both'), (2, 'both')")
    standby.catch_up()
    execute(standby.dsn("postgres"), "select pg_promote()")
    execute(written, "insert into t values (3, 'primary')", "update t set v = 'primary' where id = 1")
    assert outcome(reading(lake_settings, primary)).rows == 3
    promoted = standby.dsn(str(lake_settings.source_name))
    execute(promoted, *(f"insert into t values ({id}, 'promoted')" for id in range(10, 20)))  # as many ids again, and more
    moved = outcome(replica_settings)
    assert moved.reason == "the source was promoted or restored (timeline 2, was 1)"
    assert latest(replica_settings, "t", ["id"], "id, v") == query(promoted, "select id, v from t order by id")
    assert outcome(replica_settings).status == "empty"


def test_a_replica_that_follows_a_promoted_one_is_read_whole(
    written: str, lake_settings: Settings, standby: Standby, folder: Path
) -> None:
    execute(written, "create table t(id int primary key)", "insert into t values (1)")
    standby.catch_up()
    second = Standby(standby, Path(tempfile.mkdtemp(dir=folder)), free_ports(1)[0])
    second.start()
    try:
        settings = reading(lake_settings, second)
        assert outcome(settings).rows == 1
        execute(standby.dsn("postgres"), "select pg_promote()")
        execute(standby.dsn(str(lake_settings.source_name)), "insert into t values (2)")
        moved = copied(settings, second)
        assert (moved.rows, moved.reason) == (2, "the source was promoted or restored (timeline 2, was 1)")
        assert outcome(settings).status == "empty"
    finally:
        second.stop()


def test_a_primary_put_back_from_a_copy_is_read_whole(primary: Postgres, written: str, lake_settings: Settings) -> None:
    settings = reading(lake_settings, primary)
    execute(written, "create table t(id int primary key, v text)", "insert into t values (1, 'old')")
    older = primary.folder.with_name("older")
    primary.stop()
    subprocess.run(["cp", "-a", primary._data, older], check=True)  # the owner too, whom the server runs as
    primary.start()
    execute(written, "update t set v = 'new'", *(f"insert into t values ({id}, 'gone')" for id in range(2, 9)))
    assert outcome(settings).rows == 8
    primary.stop()
    shutil.rmtree(primary._data)
    older.rename(primary._data)
    primary.start()
    again = outcome(settings)
    assert "went back" in again.reason
    assert latest(settings, "t", ["id"], "id, v") == [(1, "old")]


def test_a_query_that_the_replica_cancels_is_the_tables_error(written: str, replica_settings: Settings, standby: Standby) -> None:
    """Vacuum on the primary took rows that the run's snapshot may still see, and the replica would not wait."""
    execute(standby.dsn("postgres"), "alter system set max_standby_streaming_delay = 0", "select pg_reload_conf()")
    execute(written, "create table t(id int primary key, v text)", "insert into t values (1, 'x'), (2, 'x')")
    execute(written, "create view slow as select id, pg_sleep(0.02)::text as pause from generate_series(1, 1500) id")
    standby.catch_up()
    home = Path(replica_settings.lake_url) / "bronze"
    vacuuming = threading.Thread(target=_vacuum_while_reading, args=(standby.dsn(str(replica_settings.source_name)), written, home))
    vacuuming.start()
    ended = ingest.run(replica_settings.model_copy(update={"source_patience": 0}), "public.t,public.slow")
    vacuuming.join()
    [failed] = ended.failed
    assert failed.table == "public.slow"
    assert "conflict with recovery" in failed.error and "max_standby_streaming_delay" in failed.error
    assert list(home.glob("*__slow/*.parquet")) == [] and list(home.glob("*__slow/_delta_log")) == []
    standby.catch_up()
    assert ingest.run(replica_settings, "public.t").failed == []
    assert latest(replica_settings, "t", ["id"], "id") == [(2,)]
    assert bronze(replica_settings, "t", "id, _batch_id, _op", "group by all having count(*) > 1") == []


def _vacuum_while_reading(read: str, written: str, bronze: Path) -> None:
    """Once `t` is written, whose query would be cancelled as well, and while `slow` is read, which takes half a minute."""
    active = "select count(*) from pg_stat_activity where state = 'active' and query ilike 'copy%slow%' and pid <> pg_backend_pid()"
    for _ in range(300):
        if any(bronze.glob("*__t/*.parquet")) and query(read, active) != [(0,)]:
            execute(written, "delete from t where id = 1", "vacuum t")
            return
        time.sleep(0.1)
