"""A server of its own with a small heap: what its readers ask does not end it, and who waits for one that is gone is told."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import apart
import psutil
import pytest
from ports import free_ports

from lakehouse import machine
from lakehouse.engines import catalog, session
from lakehouse.errors import ServerError
from lakehouse.servers import health, server
from lakehouse.settings import ROOT, Settings

pytestmark = pytest.mark.in_order  # what one test leaves of the server is where the next begins
_ROWS, _WIDTH = 100_000, 6_480  # 650 MB: more than the heap


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of the running server, which has been given a table larger than its heap."""
    thrift, connect, ui = free_ports(3)
    folder = tmp_path_factory.mktemp("small")
    made = Settings(var_dir=folder, thrift_port=thrift, connect_port=connect, spark_ui_port=ui, spark_memory="600m")
    machine.start(made)
    wide = f"select id, repeat(uuid(), {_WIDTH // 36}) as a from range(0, {_ROWS}, 1, 8)"
    catalog.thrift_rows(
        made, f"create table default.wide as {wide}", "create table default.little as select id, 0 as n from range(1000)"
    )
    yield made
    server.stop(made)


def _told(ask: Callable[[], object]) -> str:
    with pytest.raises(ServerError) as refused:
        ask()
    return str(refused.value)


def _command(settings: Settings, *words: str) -> str:
    """What a command says; a long line is one line."""
    ours = apart.variables(settings)
    command = [sys.executable, "-W", "ignore", "-m", "comporta", *words]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **ours}, capture_output=True, text=True, timeout=300)
    return done.stdout + done.stderr


def _process(settings: Settings) -> psutil.Process:
    found = server.running(settings)
    assert found is not None
    return found


def test_a_table_larger_than_the_heap_is_read_while_others_read_and_write(small: Settings) -> None:
    over = threading.Event()

    def read() -> int:
        count = 0
        with catalog.cursor(small, stream=True) as cursor:
            catalog.execute(cursor, "select * from default.wide")
            while rows := cursor.fetchmany(1_000):
                count += len(rows)
                assert all(len(text) == _WIDTH for _, text in rows)
        return count

    def ask() -> int:
        asked = 0
        while not over.is_set():
            assert catalog.thrift_rows(small, "select count(*) from default.little") == [(1000,)]
            asked += 1
        return asked

    with ThreadPoolExecutor(2) as pool:
        reader, other = pool.submit(read), pool.submit(ask)
        merge = "merge into default.little t using (select id from range(1000)) s on t.id = s.id when matched then update set n = t.n + 1"
        catalog.thrift_rows(small, merge, merge)
        assert reader.result() == _ROWS
        over.set()
        assert other.result() > 0
    assert catalog.thrift_rows(small, "select min(n), max(n) from default.little") == [(2, 2)]


def test_a_query_that_breaks_is_told_where_it_is_run(small: Settings) -> None:
    # A session that streams would not run it before somebody fetches its rows, which nobody does of a hook.
    assert "no good" in _told(lambda: catalog.thrift_rows(small, "select raise_error('no good')", "select 1"))


def test_a_server_that_does_not_answer_is_told_by_all(small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE", 1.0)
    monkeypatch.setattr(health, "BEAT", 0.5)
    opened = session.connect(small)

    def ask_over_thrift() -> None:
        with catalog.cursor(small) as cursor:
            _process(small).send_signal(signal.SIGSTOP)
            catalog.execute(cursor, "select 1")

    try:
        said = [_told(ask_over_thrift), _told(lambda: opened.range(3).collect())]
        said += [_told(lambda: machine.start(small)), _told(lambda: catalog.thrift_rows(small, "select 1"))]
    finally:
        _process(small).send_signal(signal.SIGCONT)
    opened.stop()
    assert all("does not answer within" in each and "Run make up" in each for each in said), said


def test_a_server_without_spark_is_started_anew(small: Settings) -> None:
    ended = "select reflect('org.apache.spark.sql.hive.thriftserver.SparkSQLEnv', 'stop', 0)"
    before = _process(small)
    with pytest.raises(ServerError), catalog.cursor(small):  # a client that stays keeps the process alive
        _told(lambda: catalog.thrift_rows(small, ended))
        assert "does not listen" in health.trouble(small, connect=True)
        said = _command(small, "up")
        assert f"(pid {before.pid}) and does not listen" in said and "ended and started anew" in said, said
    assert _process(small).pid != before.pid and health.trouble(small, connect=True) == ""


def test_a_full_heap_ends_the_process_and_status_says_so(small: Settings) -> None:
    opened = session.connect(small)
    asked = _told(lambda: catalog.thrift_rows(small, "select repeat('x', 1000000000)"))
    assert "has died: Terminating due to java.lang.OutOfMemoryError" in asked
    assert "has died" in _told(lambda: opened.range(3).collect())  # Spark's client would try for ten minutes
    opened.stop()
    said = _command(small, "status")
    assert "died" in said and "OutOfMemoryError" in said and "Run make up" in said, said
    assert server.running(small) is None and server.pid_file(small).died()
