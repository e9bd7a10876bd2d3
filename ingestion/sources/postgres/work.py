"""Pieces of work that read PostgreSQL. Plain data: it is pickled to the executors."""

from dataclasses import dataclass

from ingestion.bronze.columns import ColumnMapping
from ingestion.bronze.work import BatchContext, RewriteTask
from ingestion.sources.postgres.ranges import Span


@dataclass(frozen=True)
class ReadTask:
    """One range of one table, to be written as one file.

    Attributes:
        relation: FROM item (a table, a partition, a view).
        where: condition of the window; "" for everything.
        span: the range, in places of rows: the first, and the first beyond it or None; None where rows have no place.
        gone: condition under which a row counts as deleted; "" if the row's absence says so.
        pages: size of the range, for balance.
        key: columns that tell rows apart; a value of theirs that Delta can't hold ends the work.
        path: `search_path` under which it is read; "" for the catalog's alone.
    """

    table: str
    relation: str
    where: str
    pages: int
    mapped: tuple[ColumnMapping, ...]
    names: dict[str, str]
    op: str
    folder: str
    gone: str = ""
    key: tuple[str, ...] = ()
    path: str = ""
    span: Span | None = None


@dataclass(frozen=True)
class CompareTask:
    """Find keys that bronze holds as live and the source no longer has; write them as `_op = 'd'` rows.

    Attributes:
        changed: condition that is true of rows written since the last batch.
        taken: condition of the rows that this batch reads; any other row's key must be in bronze already.
        live: rows that the source held at the last batch; None if unknown.
        files: bronze's Parquet files, all of them.
        within: the range of keys to compare, as a condition on the first column of the key, `{0}`; "" for all.
        moved: whether partitions came or went, which are read whatever their rows' cursor says.
        path: as of `Read`.
    """

    table: str
    relations: tuple[str, ...]
    changed: str
    taken: str
    live: int | None
    mapped: tuple[ColumnMapping, ...]  # of the key
    names: dict[str, str]
    files: tuple[str, ...]
    folder: str
    pages: int
    columns: tuple[str, ...]  # of the table, beside the technical ones
    within: str = ""
    op: str = "d"
    moved: bool = False
    path: str = ""


Work = ReadTask | CompareTask | RewriteTask


@dataclass(frozen=True, kw_only=True)
class Context(BatchContext):
    """What all tasks of a run share. `dsn` is secret: it travels inside the function, not in the plan's text.

    Attributes:
        session: statements that fix a session once its transaction has begun.
        snapshot: for tasks to join; None if each takes its own, and then there is one task.
        authorities: whom the source's certificate may be from, PEM: a task's machine may lack the file that the DSN names.
    """

    dsn: str
    session: tuple[str, ...]
    snapshot: str | None
    authorities: bytes = b""
