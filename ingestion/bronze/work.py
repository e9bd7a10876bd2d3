"""Pieces of work that Spark tasks do, and what they answer. Plain data: it is pickled to the executors."""

from dataclasses import dataclass

import pyarrow as pa

RESULT = pa.schema(
    [("table", pa.string()), ("path", pa.string()), ("rows", pa.int64()), ("deletes", pa.int64()), ("bytes", pa.int64()),
     ("op", pa.string()), ("checksum", pa.string()), ("detail", pa.string()), ("seconds", pa.float64()), ("lost", pa.bool_()),
     ("error", pa.string())]
)  # fmt: skip


@dataclass(frozen=True)
class Rewrite:
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
class Context:
    """What all tasks of a run share. `dsn` is secret: it travels inside the function, not in the plan's text.

    Attributes:
        session: statements that fix a session once its transaction has begun.
        snapshot: for tasks to join; None if each takes its own, and then there is one task.
        authorities: whom the source's certificate may be from, PEM: a task's machine may lack the file that the DSN names.
    """

    dsn: str
    session: tuple[str, ...]
    snapshot: str | None
    batch_id: int
    ingested_at: str
    lsn: int | None
    storage: dict[str, str]
    authorities: bytes = b""
