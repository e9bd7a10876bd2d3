"""kill -9 of an ingestion at moments of chance: the next run ends equal to the source, and nothing is there twice."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from bronze_reader import bronze, execute, latest, query

from ingestion import ingest
from lakehouse import postgres
from lakehouse.errors import SourceError
from lakehouse.settings import ROOT, Settings

_RUN = """
import sys
from lakehouse import settings
from ingestion import ingest
ingest.run(settings.load())
"""
_KILLS = 8


def test_killed_at_random_and_run_again_equals_the_source(lake_settings: Settings, environment: dict[str, str]) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn, "create table t(id int primary key, v text)", "insert into t select n, md5(n::text) from generate_series(1, 20000) n"
    )
    ours = environment | {"SOURCE_DSN": dsn, "LAKE_URL": lake_settings.lake_url, "SOURCE_NAME": str(lake_settings.source_name)}
    random.seed(4711)
    for number in range(_KILLS):
        execute(dsn, f"update t set v = v || '{number}' where id % 7 = {number % 7}", f"delete from t where id = {number + 100}")
        job = subprocess.Popen([sys.executable, "-W", "ignore", "-c", _RUN], cwd=ROOT, env=ours, start_new_session=True)
        time.sleep(random.uniform(1.0, 5.0))
        os.killpg(job.pid, signal.SIGKILL)
        job.wait()
    assert ingest.run(lake_settings).failed == []
    assert latest(lake_settings, "t", ["id"], "id, v") == query(dsn, "select id, v from t order by id")
    twice = bronze(lake_settings, "t", "id, _batch_id, _op", "group by all having count(*) > 1")
    assert twice == []
    assert ingest.run(lake_settings).outcomes[0].status == "empty"


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
        ended = ingest.run(lake_settings, "public.t,public.slow")
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
