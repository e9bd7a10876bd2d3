"""Where the benchmark plays: a PostgreSQL and a Spark server of its own, in a folder that is gone afterwards."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.ingest.meter import Meter
from lakehouse import machine
from lakehouse.servers import jars, postgres, process, server
from lakehouse.settings import ROOT, Settings

PEERS = ROOT / ".venv-bench" / "bin" / "python"
LIMIT_SECONDS = 1800  # what takes longer has failed
# The driver is no part of Comporta, so it does not stand in jars.lock.
JDBC = {"org.postgresql:postgresql:42.7.7": "157963d60ae66d607e09466e8c0cdf8087e9cb20d0159899ffca96bca2528460"}


@dataclass(frozen=True)
class Job:
    """What to run: a function of a module, in which environment, and what it must be told."""

    python: Path
    module: str
    function: str
    task: dict[str, Any]
    on_spark: bool = False


@dataclass(frozen=True)
class Stage:
    """The running servers."""

    settings: Settings
    database: postgres.Postgres

    def new_database(self, name: str) -> str:
        """DSN of a database of that name."""
        return self.database.create_database(name)

    def on(self, dsn: str, name: str) -> dict[str, Any]:
        """Settings of a source of that name, as plain values for a child process."""
        values = self.settings.model_dump(mode="json") | {"source_dsn": dsn, "source_name": name}
        return {key: value for key, value in values.items() if value is not None}

    def run(self, job: Job) -> dict[str, Any]:
        """Run `job` in a process of its own and measure it, and what it costs the database; see `measured`."""
        found = self.database.running()
        return measured(self.settings, job, [found.pid] if found else [])


def measured(settings: Settings, job: Job, source: Sequence[int] = ()) -> dict[str, Any]:
    """Run `job` in a process of its own and measure it.

    Args:
        source: processes of what it reads from.

    Returns:
        what the job answered, with cpu, source_cpu (seconds), base_mb, peak_mb; or only `error`.
    """
    child = _start(settings, job)
    patience = threading.Timer(LIMIT_SECONDS, child.kill)
    patience.start()
    try:
        if not _answer(child):
            return {"error": _last_words(settings)}
        served = server.running(settings) if job.on_spark else None
        with Meter([child.pid, *([served.pid] if served else [])], source) as meter:
            _say(child, "")
            answer = _answer(child) or {"error": _last_words(settings)}
        if "error" in answer:
            return answer
        sizes = {"base_mb": meter.base / 1e6, "peak_mb": meter.peak / 1e6}
        return answer | {"cpu": meter.cpu, "source_cpu": meter.source_cpu} | sizes
    finally:
        patience.cancel()
        _end(child)


def _start(settings: Settings, job: Job) -> "subprocess.Popen[str]":
    log = (settings.log_dir / "job.log").open("w")
    command = [str(job.python), "-W", "ignore", "-m", "bench.ingest.job", job.module, job.function]
    kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    with log:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=kept)
    _say(child, json.dumps(job.task))
    return child


def _last_words(settings: Settings) -> str:
    return process.tail(settings.log_dir / "job.log", lines=1)[:300] or "ended without a word"


def _say(child: "subprocess.Popen[str]", line: str) -> None:
    assert child.stdin
    try:
        child.stdin.write(line + "\n")
        child.stdin.flush()
    except BrokenPipeError:
        pass  # it has ended; that its answer is missing says so


def _answer(child: "subprocess.Popen[str]") -> dict[str, Any]:
    assert child.stdout
    line = child.stdout.readline()
    return dict(json.loads(line)) if line else {}


def _end(child: "subprocess.Popen[str]") -> None:
    try:
        family = psutil.Process(child.pid).children(recursive=True)
    except psutil.Error:
        family = []
    try:
        child.communicate("\n", timeout=30)
    except (subprocess.TimeoutExpired, BrokenPipeError):
        child.kill()
    for member in family:
        if member.is_running():
            member.kill()
    child.wait()


@contextmanager
def spark_stage() -> Iterator[Settings]:
    """A Spark server alone, on free ports, stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="comporta-bench-"))
    thrift, connect, page = _free_ports(3)
    settings = Settings(
        var_dir=folder,
        lake_url=str(folder / "lake"),
        thrift_port=thrift,
        connect_port=connect,
        spark_ui_port=page,
        spark_memory=os.environ.get("SPARK_MEMORY") or "3g",
        spark_master="local[*]",
    )
    try:
        machine.start(settings)
        yield settings
    finally:
        server.stop(settings)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def stage() -> Iterator[Stage]:
    """Servers on free ports, stopped at the end, however it comes."""
    folder = Path(tempfile.mkdtemp(prefix="comporta-bench-"))
    extra = os.environ.get("EXTRA_JARS") or os.pathsep.join(map(str, jars.ensure(JDBC)))
    memory = os.environ.get("SPARK_MEMORY") or "3g"
    thrift, connect, page, source = _free_ports(4)
    settings = Settings(
        var_dir=folder,
        lake_url=str(folder / "lake"),
        thrift_port=thrift,
        connect_port=connect,
        spark_ui_port=page,
        postgres_port=source,
        source_connections=cores(),
        extra_jars=extra,
        spark_memory=memory,
        spark_master="local[*]",
        scale=1,
    )
    opened = Stage(settings, postgres.of(settings))
    try:
        opened.database.start()
        machine.start(settings)
        yield opened
    finally:
        server.stop(settings)
        opened.database.stop()
        shutil.rmtree(folder, ignore_errors=True)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def own_python() -> Path:
    """The project's Python."""
    return Path(sys.executable)


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
