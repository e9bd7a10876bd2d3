"""`quarantine.<table>__rejected`: records of files that are no rows, each with its file, its line and the reason."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import TableNotFoundError

from lakehouse.settings import Settings
from lakehouse.store import lock, storage
from lakehouse.tables import lake

SUFFIX = "__rejected"
_SCHEMA = pa.schema(
    [
        ("_batch_id", pa.int64()),
        ("_file", pa.string()),
        ("_line", pa.int64()),
        ("_reason", pa.string()),
        ("_record", pa.string()),
        ("_rejected_at", pa.timestamp("us", tz="UTC")),
    ]
)


class RejectedRow(NamedTuple):
    """A record that is no row."""

    file: str
    line: int
    reason: str
    record: str


def location(settings: Settings, table: str) -> str:
    """Where the rejected records of bronze table `table` are."""
    return storage.join(settings.lake_url, "quarantine", table + SUFFIX)


def add(settings: Settings, table: str, batch_id: int, at: datetime, rows: Sequence[RejectedRow]) -> None:
    """Keep records, before the batch is committed: they are there again rather than lost."""
    columns = [
        [batch_id] * len(rows),
        [row.file for row in rows],
        [row.line for row in rows],
        [row.reason for row in rows],
        [row.record for row in rows],
        [at] * len(rows),
    ]
    data = pa.table([pa.array(values, field.type) for values, field in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA)
    lock.check(settings)
    write_deltalake(location(settings, table), data, mode="append", storage_options=storage.options(settings))


def forget_unfinished(settings: Settings, table: str, last: int) -> None:
    """Let go of what batches left that were never committed.

    Args:
        last: the last one that was.
    """
    try:
        found = lake.at(settings, location(settings, table))
    except TableNotFoundError:
        return
    lock.check(settings)
    found.delete(f"_batch_id > {last}")


def is_there(settings: Settings, table: str) -> bool:
    """Whether there are any."""
    return DeltaTable.is_deltatable(location(settings, table), storage.options(settings))
