"""kill -9 of an ingestion at moments of chance: the next run ends equal to the source, and nothing is there twice."""

import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bronze_reader import bronze, execute, latest, query
from pydantic import SecretStr

from ingestion import reconcile
from ingestion import run as ingest
from lakehouse.errors import SourceError
from lakehouse.servers import postgres
from lakehouse.settings import ROOT, Settings

# Everything is imported once; each run is a fork of that, so that many of them take minutes and not hours.
_RUNS = """
import os, sys
import deltalake, duckdb, grpc, pyspark.sql.connect.session
from ingestion import reconcile, run
from lakehouse import machine
loaded = machine.load()
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.setsid()
        try:
            run.run(loaded)
        finally:
            os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""
_KILLS = int(os.environ.get("KILLS") or 12)  # a hundred and more by hand: docs/flaky.md
_QUIET = """select pg_snapshot_xmin(s) = pg_snapshot_xmax(s)
    and not exists (select from pg_stat_activity where backend_type = 'autovacuum worker') from pg_current_snapshot() s"""


@pytest.mark.slow
def test_killed_again_and_again_at_random_equals_the_source(lake_settings: Settings, environment: dict[str, str]) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, v text)",
        "create table log(v text)",
        "insert into t select n, md5(n::text) from generate_series(1, 20000) n",
        "insert into log values ('a'), ('a')",
    )
    ours = environment | {"SOURCE_DSN": dsn, "LAKE_URL": lake_settings.lake_url, "SOURCE_NAME": str(lake_settings.source_name)}
    chance, ended = random.Random(4711), Counter[str]()
    runs = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _RUNS], cwd=ROOT, env=ours, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        while ended["killed"] < _KILLS:
            number = sum(ended.values())
            assert number < 5 * _KILLS, "the runs end before they can be killed"
            execute(
                dsn,
                f"update t set v = v || 'x' where id % 97 = {number % 97}",
                f"delete from t where id = {number + 100}",
                f"insert into log values ('{number}')",
            )
            ended[killed_after(runs, chance.uniform(0.05, 1.5))] += 1
    finally:
        assert runs.stdin is not None
        runs.stdin.close()
        runs.wait()
    with alone(dsn):
        assert ingest.run(lake_settings).failed == []
        told = [(outcome.table, outcome.status, outcome.rows, outcome.reason) for outcome in ingest.run(lake_settings).outcomes]
        assert told == [("public.log", "empty", 0, ""), ("public.t", "empty", 0, "")]
    assert latest(lake_settings, "t", ["id"], "id, v") == query(dsn, "select id, v from t order by id")
    assert bronze(lake_settings, "t", "id, _batch_id, _op", "group by all having count(*) > 1") == []
    assert [(item.word, item.batches) for item in reconcile.run(lake_settings)] == [("equal", []), ("equal", [])]


@contextmanager
def alone(dsn: str) -> Iterator[None]:
    """No other transaction writes meanwhile: what is written beside an open one (an ANALYZE by autovacuum) is read once more."""
    execute(dsn, "alter system set autovacuum = off", "select pg_reload_conf()")
    try:
        quiet = 0  # a worker of autovacuum that runs already goes from table to table
        for _ in range(600):
            quiet = quiet + 1 if query(dsn, _QUIET) == [(True,)] else 0
            if quiet == 5:
                break
            time.sleep(0.1)
        assert quiet == 5, "others go on writing"
        yield
    finally:
        execute(dsn, "alter system reset autovacuum", "select pg_reload_conf()")


def killed_after(runs: "subprocess.Popen[str]", seconds: float) -> str:
    """Let a run begin, and kill it if it has not ended by then."""
    assert runs.stdin is not None and runs.stdout is not None
    runs.stdin.write("run\n")
    runs.stdin.flush()
    child = int(runs.stdout.readline())
    done = select.select([runs.stdout], [], [], seconds)[0]
    if not done:
        os.kill(child, signal.SIGKILL)
    assert runs.stdout.readline() == "ended\n"
    return "ended" if done else "killed"


def test_source_that_dies_in_the_middle_of_a_read_leaves_the_window_where_it_was(
    lake_settings: Settings, database: postgres.Postgres
) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key)", "insert into t values (1)")
    assert ingest.run(lake_settings).failed == []
    slow = "create view slow as select n as id, pg_sleep(0.02)::text as pause from generate_series(1, 1500) n"
    execute(dsn, "insert into t values (2)", slow)
    killed = threading.Event()
    watcher = threading.Thread(target=_kill_while_reading, args=(dsn, database, killed))
    watcher.start()
    try:
        ended = ingest.run(lake_settings.model_copy(update={"source_patience": 0}), "public.t,public.slow")
    except SourceError as error:
        assert "SOURCE_DSN" in str(error)
    else:
        assert "public.slow" in [outcome.table for outcome in ended.failed]
    finally:
        watcher.join()
        database.start()
    assert killed.is_set()
    ingest.run(lake_settings, "public.t")
    assert latest(lake_settings, "t", ["id"], "id") == [(1,), (2,)]
    assert bronze(lake_settings, "t", "id, _batch_id, _op", "group by all having count(*) > 1") == []
    assert not (Path(lake_settings.lake_url) / "bronze" / f"{lake_settings.source_name}__slow" / "_delta_log").exists()


def _kill_while_reading(dsn: str, database: postgres.Postgres, killed: threading.Event) -> None:
    reading = (
        "select count(*) from pg_stat_activity where state = 'active' and query ilike 'copy%slow%' and pid <> pg_backend_pid()"
    )
    for _ in range(300):
        if query(dsn, reading) != [(0,)]:
            database.kill()
            killed.set()
            return
        time.sleep(0.1)


def test_source_that_comes_back_is_read_by_the_same_command(lake_settings: Settings, database: postgres.Postgres) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key)",
        "insert into t values (1)",
        "create view slow as select n as id, pg_sleep(0.02)::text as pause from generate_series(1, 500) n",
    )
    killed, said = threading.Event(), list[str]()

    def fall_and_rise() -> None:
        _kill_while_reading(dsn, database, killed)
        time.sleep(2)
        database.start()

    watcher = threading.Thread(target=fall_and_rise)
    watcher.start()
    try:
        ended = ingest.run(lake_settings, "public.t,public.slow", warn=said.append)
    finally:
        watcher.join()
    assert killed.is_set() and said and "Trying again" in said[0]
    assert {outcome.table: outcome.status for outcome in ended.outcomes} == {"public.t": "committed", "public.slow": "committed"}
    assert bronze(lake_settings, "slow", "count(*), count(distinct id)") == [(500, 500)]


def test_source_that_stays_away_is_an_error_within_the_patience(lake_settings: Settings) -> None:
    nobody = lake_settings.model_copy(update={"source_dsn": SecretStr("postgresql://u:canary@127.0.0.1:1/x"), "source_patience": 3})
    started, said = time.monotonic(), list[str]()
    with pytest.raises(SourceError, match="SOURCE_DSN") as refused:
        ingest.run(nobody, warn=said.append)
    assert 2 < time.monotonic() - started < 20 and len(said) >= 2
    assert "canary" not in str(refused.value) + " ".join(said)
