"""Ingestion on a standalone Spark cluster: two workers share the tasks, and bronze is what one machine alone makes of it."""

import json
import os
import shutil
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apart
import duckdb
import psutil
import pytest
from bronze_reader import execute, files, latest, query
from ports import free_ports

from ingestion import run as ingest
from lakehouse import machine
from lakehouse.servers import jars, java, process, server
from lakehouse.settings import Settings
from samples.shop.load import TABLES, load


class Cluster:
    """A master and two workers of one core each, on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.master, self.page = free_ports(2)
        self.url = f"spark://127.0.0.1:{self.master}"

    def start(self) -> None:
        """Start all three; return once the workers have reported to the master."""
        self._start("master", "master.Master", "--port", str(self.master), "--webui-port", str(self.page))
        await_that("the master", lambda: process.listening(self.page))
        for name in ("one", "two"):
            self._start(name, "worker.Worker", "--webui-port", "0", "-c", "1", "-m", "1g", "-d", str(self.folder / name), self.url)
        await_that("two workers", lambda: get(self.page, "json/")["aliveworkers"] == 2)

    def stop(self) -> None:
        """Stop the workers, their executors, and the master."""
        for name in ("one", "two", "master"):
            self._pid_file(name).stop()

    def processes(self) -> list[psutil.Process]:
        """All that run, executors and their Python workers included."""
        found = [found for name in ("one", "two", "master") if (found := self._pid_file(name).process())]
        return found + [child for parent in found for child in parent.children(recursive=True)]

    def _java_home(self) -> Path:
        """A Java for executors, whom Spark asks for a module that the wheel's Java lacks, and that nothing here needs."""
        program = self.folder / "java" / "bin" / "java"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/bash\nexec {java.find()} "${{@/--add-modules=jdk.incubator.vector/-Dvector=none}}"\n')
        program.chmod(0o755)
        return program.parent.parent

    def _pid_file(self, name: str) -> process.PidFile:
        return process.PidFile(self.folder / f"{name}.pid")

    def _start(self, name: str, what: str, *arguments: str) -> None:
        command = [
            str(java.find()),
            "-cp",
            str(jars.SPARK_HOME / "jars" / "*"),
            "-Xmx512m",
            *java.opens(),
            f"org.apache.spark.deploy.{what}",
            "--host",
            "127.0.0.1",
            *arguments,
        ]
        env = os.environ | {"SPARK_HOME": str(jars.SPARK_HOME), "SPARK_SCALA_VERSION": "2.13", "SPARK_LOCAL_IP": "127.0.0.1"}
        env |= {"JAVA_HOME": str(self._java_home())}
        process.start(name, command, self._pid_file(name), self.folder / f"{name}.log", env=env)


def await_that(what: str, reached: Callable[[], bool]) -> None:
    """Return once `reached` is so."""
    for _ in process.wait(60):
        if reached():
            return
    raise AssertionError(f"waited in vain for {what}")


def get(port: int, path: str) -> Any:
    """JSON of one of Spark's pages."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
        return json.load(answer)


def alive(found: psutil.Process) -> bool:
    """Whether it runs: one that has ended stays listed until its parent asks how it ended."""
    with suppress(psutil.NoSuchProcess):
        return bool(found.is_running() and found.status() != psutil.STATUS_ZOMBIE)
    return False


@contextmanager
def started(settings: Settings) -> Iterator[Settings]:
    """A Comporta server on a cluster: all that a user sets is SPARK_MASTER; the rest keeps it apart from the tests' other server."""
    folder = apart.folder("cluster")
    cluster = Cluster(folder)
    thrift, connect, ui = free_ports(3)
    ours = {"spark_master": cluster.url, "var_dir": folder / "var", "lake_url": str(folder / "lake")}
    ours |= {"thrift_port": thrift, "connect_port": connect, "spark_ui_port": ui}
    try:
        cluster.start()
        made = settings.model_copy(update=ours)
        machine.start(made)
        await_that("two executors", lambda: len(application(made, "executors")) == 3)  # and the driver
        yield made
        running = [*cluster.processes(), server.running(made)]
        server.stop(made)
        cluster.stop()
        assert [found for found in running if found is None or alive(found)] == []
    finally:
        server.stop(settings.model_copy(update=ours))
        cluster.stop()
        shutil.rmtree(folder)


def application(settings: Settings, what: str) -> Any:
    """What Spark's own page knows of `what` in the server's application."""
    [known] = get(settings.spark_ui_port, "api/v1/applications")
    return get(settings.spark_ui_port, f"api/v1/applications/{known['id']}/{what}")


def tasks_by_executor(settings: Settings) -> Counter[str]:
    """Tasks that each executor finished where a client mapped partitions, which only ingestion did."""
    done: Counter[str] = Counter()
    for stage in application(settings, "stages"):
        if "map_partitions" in stage.get("description", ""):
            [attempt] = application(settings, f"stages/{stage['stageId']}")
            done.update({name: seen["succeededTasks"] for name, seen in attempt["executorSummary"].items()})
    return done


def checksum(settings: Settings, table: str) -> Any:
    """Count and order-free checksum of the rows of bronze, without what differs by run."""
    rows = f"select columns(c -> c not in ('_ingested_at', '_batch_id', '_source_lsn')) from read_parquet({files(settings, table)})"
    with duckdb.connect() as reader:
        return reader.execute(f"select count(*), sum(hash(r)) from ({rows}) r").fetchone()


@pytest.mark.slow
def test_a_cluster_shares_the_tasks_and_copies_the_same(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    load(dsn, 0.01)
    execute(
        dsn,
        "create table parted(id bigint primary key, v text, n numeric(12, 3)) partition by range (id)",
        *(f"create table parted{n} partition of parted for values from ({n * 20000}) to ({(n + 1) * 20000})" for n in range(4)),
        "insert into parted select n, md5(n::text), n / 7.0 from generate_series(0, 79999) n",
    )
    alone = lake_settings.model_copy(update={"source_connections": 4})
    assert ingest.run(alone).failed == []
    with started(alone) as settings:
        assert ingest.run(settings).failed == []
        shared = tasks_by_executor(settings)
        assert len(shared) == 2 and shared.total() == settings.source_connections, shared
        for table in (*TABLES, "parted"):
            counted = query(dsn, f"select count(*) from {table}")[0][0]
            assert checksum(settings, table) == checksum(alone, table), table
            assert checksum(settings, table)[0] == counted, table
        assert latest(settings, "parted", ["id"], "id, v, n") == query(dsn, "select id, v, n from parted order by id")
        execute(dsn, "update parted set v = 'new' where id % 1000 = 0", "delete from parted where id = 7")
        [again] = ingest.run(settings, "public.parted").outcomes
        assert (again.rows, again.deletes, again.error) == (80, 1, "")
