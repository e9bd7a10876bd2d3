"""Upkeep of bronze after its batches: small files put together, checkpoints, files that nobody needs any more removed.

The data stays what it is: compaction changes no row, and what a kept release still shows is never removed.
"""

import json
import time
from datetime import timedelta
from threading import Lock

from deltalake import ColumnProperties, CommitProperties, DeltaTable, WriterProperties
from deltalake.exceptions import DeltaError

from ingestion.bronze.table import NOTE, Bronze
from lakehouse.redaction import first_line
from lakehouse.settings import Settings
from lakehouse.store import lock, storage
from lakehouse.tables import lake, ledger

SMALL = 16 * 2**20  # bytes; a file below it is worth putting together with others
MANY = 20  # small files; below that many, a reader loses less than the rewriting costs
# Arrow's writer leaves NaN out of a file's least and greatest number, and Spark would skip such rows in a filter.
_NO_STATISTICS = WriterProperties(compression="SNAPPY", default_column_properties=ColumnProperties(statistics_enabled="NONE"))
_ONE_AT_A_TIME = Lock()
_SKEW = 3600  # seconds that this machine's clock and the source's may differ: beyond, no clock can be trusted to remove files


def keep(settings: Settings, tables: list[Bronze], source_clock: float) -> list[str]:
    """Look after the tables that need it. What fails here has cost no row: the batches are committed and noted.

    Args:
        source_clock: the source's time, seconds since 1970.

    Returns:
        what could not be done, each in a line.
    """
    problems = []
    for bronze in tables:
        lock.check(settings)
        try:
            if len([size for size in bronze.sizes().values() if size < SMALL]) >= MANY:
                _tidy(settings, bronze, abs(time.time() - source_clock) < _SKEW)
        except (DeltaError, OSError) as error:
            problems.append(f"{bronze.url}: upkeep failed, the next run tries again: {first_line(error)}")
    lock.check(settings)
    try:
        _tidy_ledger(settings)
    except (DeltaError, OSError) as error:
        problems.append(f"ledger: upkeep failed, the next run tries again: {first_line(error)}")
    return problems


def _tidy(settings: Settings, bronze: Bronze, clock_holds: bool) -> None:
    assert bronze.table is not None
    note = bronze.last_batch() or {}
    number = note.pop("delta_version", None)
    again = CommitProperties(custom_metadata={NOTE: json.dumps(note | {"delta_version": number})})
    bronze.table.optimize.compact(
        target_size=SMALL, commit_properties=again, max_concurrent_tasks=1, writer_properties=_NO_STATISTICS
    )
    bronze.table.create_checkpoint()
    if clock_holds:
        name = bronze.url.rpartition("/")[2]
        bronze.table.vacuum(
            settings.retention_days * 24,
            dry_run=False,
            enforce_retention_duration=False,
            full=True,
            commit_properties=again,
            keep_versions=kept_versions(settings, name),
        )
    bronze.table = lake.at(settings, bronze.url)


def kept_versions(settings: Settings, name: str) -> list[int]:
    """Versions of the bronze table `name` that a release still shows or may be rolled back to."""
    found = [row for row in ledger.latest(settings, "releases", "release_id").values() if row["layer"] == "bronze"]
    newest = sorted(found, key=lambda row: row["release_id"])[-settings.kept_releases :]
    return sorted({version for row in newest for table, version in json.loads(row["tables"]).items() if table == name})


def _tidy_ledger(settings: Settings) -> None:
    """A record is a file; put together now and then, so that reading the ledger stays quick. By one source of a run after the other."""
    with _ONE_AT_A_TIME:
        _put_together(settings)


def _put_together(settings: Settings) -> None:
    for name in ledger.SCHEMAS:
        if DeltaTable.is_deltatable(ledger.location(settings, name), storage.options(settings)):
            table = lake.at(settings, ledger.location(settings, name))
            if len(table.file_uris()) >= 2 * MANY:
                table.optimize.compact()
                table.vacuum(int(timedelta(days=1).total_seconds() // 3600), dry_run=False, enforce_retention_duration=False)
