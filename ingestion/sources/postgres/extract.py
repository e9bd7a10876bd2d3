"""The work of one Spark task: read ranges of a table in the run's snapshot, write them as Parquet files.

Runs in the executors' Python. DuckDB's PostgreSQL reader decodes binary COPY and encodes Parquet without a Python object
per row; what it would bend, the SELECT casts beforehand (`types.py`).
"""

import re
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.bronze.columns import ColumnMapping
from ingestion.bronze.held import rewrite
from ingestion.bronze.work import RESULT, RewriteTask
from ingestion.bronze.write import DoubtError, technical, write
from ingestion.sources.postgres import tls
from ingestion.sources.postgres.compare import LOCKED, compare, tell
from ingestion.sources.postgres.ranges import halves, span_condition
from ingestion.sources.postgres.types import flags, received
from ingestion.sources.postgres.window import both
from ingestion.sources.postgres.work import Context, ReadTask, Work
from lakehouse.engines.standard import literal, quote
from lakehouse.redaction import know, know_login, redact


def runner(context: Context, lanes: list[list[Work]]) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow`: takes lane numbers (column `id`), yields one row per file or failure."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        know_login(context.dsn)
        know(*(value for name, value in context.storage.items() if "secret" in name.lower() or "token" in name.lower()))
        for batch in batches:
            for lane in batch.column("id").to_pylist():
                yield from _lane(context, lanes[lane])

    return run


_BEGUN = "begun"  # the savepoint at which a transaction has its snapshot and its settings, and no lock


def _lane(context: Context, lane: list[Work]) -> Iterator[pa.RecordBatch]:
    with tls.at_hand(context.dsn, context.authorities) as dsn:
        yield from _done(replace(context, dsn=dsn), lane)


def _done(context: Context, lane: list[Work]) -> Iterator[pa.RecordBatch]:
    try:
        reader = _open(context)
    except duckdb.Error as error:
        for work in lane:
            yield _row(work, error=_message(error), lost=True)
        return
    lost, waiting = "", deque(lane)
    begun = 0
    while waiting:
        work, begun = waiting.popleft(), begun + 1
        if begun % LOCKED == 0 and not lost:
            lost = _let_go(reader, context)
        if lost:
            yield _row(work, error=lost, lost=True)
            continue
        started = time.monotonic()
        try:
            done = _do(reader, context, work)
        except duckdb.OutOfMemoryException as error:  # values may be far larger than they are stored
            lost, parts = _lost(reader, context, error), _halves(work)
            if lost or not parts:
                yield _row(work, error=lost or _message(error), lost=bool(lost))
            waiting.extendleft(reversed(parts))
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            lost = _lost(reader, context, error)  # another table's work may still be done, on the same snapshot
            yield _row(work, error=lost or _message(error), lost=bool(lost))
        else:
            yield _row(work, seconds=time.monotonic() - started, **done)
    _leave(reader)
    reader.close()


def _do(reader: duckdb.DuckDBPyConnection, context: Context, work: Work) -> dict[str, Any]:
    if isinstance(work, RewriteTask):
        return rewrite(reader, context, work)
    if work.path:
        tell(reader, work.path)
    try:
        return _read(reader, context, work) if isinstance(work, ReadTask) else compare(reader, context, work)
    finally:
        if work.path:
            with suppress(duckdb.Error):  # of a transaction that has failed: another one follows
                tell(reader, *context.session)


def _halves(work: Work) -> list[Work]:
    """Two works in the place of one; none if it can't be divided."""
    found = halves(work.span, work.pages) if isinstance(work, ReadTask) and work.span else None
    return [replace(work, span=span, pages=work.pages // 2) for span in found] if found and isinstance(work, ReadTask) else []


def _lost(reader: duckdb.DuckDBPyConnection, context: Context, first: Exception) -> str:
    """Join the snapshot again after the error `first`; what to say if the source, or the snapshot, has gone with it."""
    _leave(reader)
    try:
        _join(reader, context)
    except duckdb.Error:
        return f"the source broke off while it was read: {_message(first)}"
    return ""


def _let_go(reader: duckdb.DuckDBPyConnection, context: Context) -> str:
    """Give up the locks on what has been read; what to say if the source has gone."""
    try:
        tell(reader, f"rollback to savepoint {_BEGUN}")
    except duckdb.Error as error:
        return _lost(reader, context, error)
    return ""


def _leave(reader: duckdb.DuckDBPyConnection) -> None:
    """End a transaction that only read, which a source that has gone can't do; closing would, and end the process at that."""
    with suppress(duckdb.Error):
        reader.execute("rollback")


def _row(work: Work, **values: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"table": work.table, "op": work.op, **values}], schema=RESULT)


# DuckDB shows what it was given before it says what libpq said of it.
_NO_CONNECTION = re.compile(r'(?s)^.*Unable to connect to Postgres at ".*": (?=\S)')
_CONFLICT = "conflict with recovery"  # a replica cancels whoever holds up what it is to replay


def _message(error: Exception) -> str:
    text = _NO_CONNECTION.sub("", redact(str(error)).strip())
    if _CONFLICT in text:
        return f"the replica cancelled it ({_CONFLICT}): raise max_standby_streaming_delay there, or set hot_standby_feedback = on"
    hint = f" ({text.split('HINT:', 1)[1].strip().splitlines()[0].rstrip('.')})" if "HINT:" in text else ""
    for mark in ("ERROR:", "FATAL:"):
        if mark in text:
            return text.split(mark, 1)[1].strip().splitlines()[0] + hint
    return text.splitlines()[0].removeprefix("Invalid Input Error: ")


def _open(context: Context) -> duckdb.DuckDBPyConnection:
    import duckdb_extension_postgres_scanner as scanner

    [extension] = Path(scanner.__file__).parent.rglob("*.duckdb_extension")
    # Its signature, 0.2 s of CPU for every lane, says what the lock's hash of its wheel has said already.
    reader = duckdb.connect(
        config={
            "threads": 1,
            "memory_limit": "1GB",
            "preserve_insertion_order": True,
            "temp_directory": tempfile.gettempdir(),
            "allow_unsigned_extensions": True,
        }
    )
    reader.execute(f"load {literal(str(extension))}")
    reader.execute("set timezone = 'UTC'")
    reader.execute(f"attach {literal(context.dsn)} as pg (type postgres)")
    _join(reader, context)
    return reader


def _join(reader: duckdb.DuckDBPyConnection, context: Context) -> None:
    reader.execute("begin")
    joined = [f"set transaction snapshot {literal(context.snapshot)}"] if context.snapshot else []
    tell(reader, *joined, *context.session, f"savepoint {_BEGUN}")


def _read(reader: duckdb.DuckDBPyConnection, context: Context, work: ReadTask) -> dict[str, Any]:
    """Write the range's rows, asking PostgreSQL only for the flags that can't be seen here; for all, where one is in doubt."""
    asked = [item for item in work.mapped if item.doubt is None]
    seen = [item for item in work.mapped if item.doubt is not None]
    doubt = " or ".join(str(item.doubt).format(quote(work.names[item.column.name])) for item in seen)
    columns = list(work.names.values())
    try:
        return write(
            reader, context, select=_select(context, work, asked), folder=work.folder, columns=columns, doubt=doubt or "false"
        )
    except DoubtError:
        return write(reader, context, select=_select(context, work, list(work.mapped)), folder=work.folder, columns=columns)


def _select(context: Context, work: ReadTask, asked: list[ColumnMapping]) -> str:
    """DuckDB's query for the range; `asked` are the columns that may have flags."""
    # By position, since the reader cannot tell apart names that differ only in case.
    columns = [f"{item.source} as c{number}" for number, item in enumerate(work.mapped)]
    gone = [f"coalesce({work.gone}, false) as _gone"] if work.gone else []
    query = f"select {', '.join([*columns, *gone, f'{flags(asked)} as _flags'])} from {work.relation}"
    where = both(span_condition(work.span), work.where)
    query += f" where {where}" if where else ""
    outer = [
        received(item, f"c{number}", target=work.names[item.column.name], asked=item in asked, is_key=item.column.name in work.key)
        for number, item in enumerate(work.mapped)
    ]
    op = f"case when _gone then 'd' else {literal(work.op)} end" if work.gone else literal(work.op)
    return f"select {', '.join([*outer, technical(context, op, '_flags')])} from postgres_query('pg', {literal(query)})"
