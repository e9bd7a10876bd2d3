"""Pieces of work that Spark tasks do, and what they answer. Plain data: it is pickled to the executors."""

from dataclasses import dataclass

import pyarrow as pa

RESULT = pa.schema(
    [
        ("table", pa.string()),
        ("path", pa.string()),
        ("rows", pa.int64()),
        ("deletes", pa.int64()),
        ("bytes", pa.int64()),
        ("op", pa.string()),
        ("checksum", pa.string()),
        ("detail", pa.string()),
        ("seconds", pa.float64()),
        ("lost", pa.bool_()),
        ("error", pa.string()),
    ]
)


@dataclass(frozen=True)
class RewriteTask:
    """Write one of bronze's files anew with wider types.

    Attributes:
        columns: the table's columns as they are to be, in Arrow types; the file may lack some.
    """

    table: str
    file: str
    columns: pa.Schema
    folder: str
    pages: int
    op: str = "w"


@dataclass(frozen=True)
class BatchContext:
    """What all files of a batch have in common.

    Attributes:
        ingested_at: `YYYY-MM-DD HH:MM:SS.ffffff+00`.
        lsn: position of the source's log; None if it has none.
        storage: options of the lake's store; secret.
    """

    batch_id: int
    ingested_at: str
    lsn: int | None
    storage: dict[str, str]
