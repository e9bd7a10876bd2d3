"""Our job and Spark's own reader, on the running server. Runs in `.venv`."""

import time
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from ingestion import run as ingest
from ingestion.bronze import write
from ingestion.sources import config as source
from lakehouse.engines import catalog, session
from lakehouse.settings import Settings
from lakehouse.tables import ledger

Task = dict[str, Any]


def prepare(task: Task) -> None:
    """Import everything and meet the server once, so that neither is timed."""
    settings = Settings.model_validate(task["settings"])
    catalog.thrift_rows(settings, "select 1")
    session.connect(settings).stop()


def comporta(task: Task) -> Task:
    """`make ingest` as it is, Delta commit, catalog and ledger included; more than one `repeats` does it again."""
    settings = Settings.model_validate(task["settings"])
    with _sources(task):
        seconds, runs = [], []
        for _ in range(task.get("repeats", 1)):
            started = time.monotonic()
            runs.append(ingest.run(settings, task["table"] and f"public.{task['table']}"))
            seconds.append(time.monotonic() - started)
    for failed in runs[-1].failed:
        raise RuntimeError(failed.error)
    return {
        "ranges": [seconds for one in runs for outcome in one.outcomes for seconds in outcome.ranges],
        "each": seconds,
        "moved": runs[-1].rows,
        "reasons": [one.reason for one in runs[-1].outcomes if one.reason],
    }


def unrecorded(task: Task) -> Task:
    """The same without its recording: no checksum read back from the files, nothing for the ledger."""
    with mock.patch.object(write, "_read_back", _nothing), mock.patch.object(ledger, "append"):
        return comporta(task)


def _nothing(*_: object) -> tuple[int, int, str]:
    return 0, 0, "0" * 16


def _sources(task: Task) -> Any:
    """The run's sources.yml, wherever this checkout's own may be."""
    path = Path(task["sources"]) if task.get("sources") else Path("/nonexistent")
    read = source.load
    return mock.patch.object(source, "load", lambda: read(path))


def jdbc(task: Task) -> Task:
    """Spark's JDBC reader: key ranges, two for each core, 10 000 rows a fetch."""
    spark, parts = session.connect(Settings.model_validate(task["settings"])), urlsplit(task["dsn"])
    reader = spark.read.format("jdbc").options(
        url=f"jdbc:postgresql://{parts.hostname}:{parts.port}{parts.path}",
        dbtable=task["table"],
        user=parts.username,
        password=parts.password,
        driver="org.postgresql.Driver",
        fetchsize=10_000,
        partitionColumn="id",
        lowerBound=task["low"],
        upperBound=task["high"],
        numPartitions=2 * task["cores"],
    )
    reader.load().write.format("delta").save(task["target"])
    spark.stop()
    return {}
