"""The work of one Spark task: read ranges of a table in the run's snapshot, write them as Parquet files.

Runs in the executors' Python. DuckDB's PostgreSQL reader decodes binary COPY and encodes Parquet without a Python object
per row; what it would bend, the SELECT casts beforehand (`types.py`).
"""

import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.postgres.types import Mapped, flags, literal, quote, received
from lakehouse.errors import redact

RESULT = pa.schema(
    [("table", pa.string()), ("path", pa.string()), ("rows", pa.int64()), ("bytes", pa.int64()), ("op", pa.string()),
     ("detail", pa.string()), ("seconds", pa.float64()), ("error", pa.string())]
)  # fmt: skip


@dataclass(frozen=True)
class Read:
    """One range of one table, to be written as one file.

    Attributes:
        relation: FROM item (a table, a partition, a view).
        where: condition of range and window; "" for everything.
        pages: size of the range, for balance.
    """

    table: str
    relation: str
    where: str
    pages: int
    mapped: tuple[Mapped, ...]
    names: dict[str, str]
    op: str
    folder: str


@dataclass(frozen=True)
class Compare:
    """Find keys that bronze holds as live and the source no longer has; write them as `_op = 'd'` rows.

    Attributes:
        changed: condition that is true of rows written since the last batch.
        live: rows that the source held at the last batch; None if unknown.
        files: bronze's Parquet files, all of them.
    """

    table: str
    relations: tuple[str, ...]
    changed: str
    live: int | None
    mapped: tuple[Mapped, ...]  # of the key
    names: dict[str, str]
    files: tuple[str, ...]
    folder: str
    pages: int


@dataclass(frozen=True)
class Context:
    """What all tasks of a run share. `dsn` is secret: it travels inside the function, not in the plan's text."""

    dsn: str
    snapshot: str
    batch_id: int
    ingested_at: str
    lsn: int
    storage: dict[str, str]


Work = Read | Compare


def runner(context: Context, lanes: list[list[Work]]) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow`: takes lane numbers (column `id`), yields one row per file or failure."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for lane in batch.column("id").to_pylist():
                yield from _lane(context, lanes[lane])

    return run


def _lane(context: Context, lane: list[Work]) -> Iterator[pa.RecordBatch]:
    try:
        reader = _open(context)
    except duckdb.Error as error:
        for work in lane:
            yield _row(work, error=_message(error))
        return
    lost = ""
    for work in lane:
        if lost:
            yield _row(work, error=lost)
            continue
        started = time.monotonic()
        try:
            done = _read(reader, context, work) if isinstance(work, Read) else _compare(reader, context, work)
        except (duckdb.Error, OSError) as error:
            lost = _lost(reader, context, error)  # another table's work may still be done, on the same snapshot
            yield _row(work, error=lost or _message(error))
        else:
            yield _row(work, seconds=time.monotonic() - started, **done)
    with suppress(duckdb.Error):  # it closes a transaction that only read; a source that has gone can't even do that
        reader.close()


def _lost(reader: duckdb.DuckDBPyConnection, context: Context, first: Exception) -> str:
    """Join the snapshot again after the error `first`; what to say if the source, or the snapshot, has gone with it."""
    with suppress(duckdb.Error):
        reader.execute("rollback")
    try:
        _join(reader, context)
    except duckdb.Error:
        return f"the source broke off while it was read: {_message(first)}"
    return ""


def _row(work: Work, **values: Any) -> pa.RecordBatch:
    op = work.op if isinstance(work, Read) else "d"
    return pa.RecordBatch.from_pylist([{"table": work.table, "op": op, **values}], schema=RESULT)


_CONFLICT = "conflict with recovery"  # a replica cancels whoever holds up what it is to replay


def _message(error: Exception) -> str:
    text = redact(str(error)).strip()
    if _CONFLICT in text:
        return f"the replica cancelled it ({_CONFLICT}): raise max_standby_streaming_delay there, or set hot_standby_feedback = on"
    for mark in ("ERROR:", "FATAL:"):
        if mark in text:
            return text.split(mark, 1)[1].strip().splitlines()[0]
    return text.splitlines()[0]


def _open(context: Context) -> duckdb.DuckDBPyConnection:
    import duckdb_extension_postgres_scanner as scanner

    [extension] = Path(scanner.__file__).parent.rglob("*.duckdb_extension")
    reader = duckdb.connect(config={"threads": 1, "memory_limit": "1GB", "preserve_insertion_order": True,
                                    "temp_directory": tempfile.gettempdir()})  # fmt: skip
    reader.execute(f"load {literal(str(extension))}")
    reader.execute("set timezone = 'UTC'")
    reader.execute(f"attach {literal(context.dsn)} as pg (type postgres)")
    _join(reader, context)
    return reader


def _join(reader: duckdb.DuckDBPyConnection, context: Context) -> None:
    reader.execute("begin")
    statement = f"SET TRANSACTION SNAPSHOT {literal(context.snapshot)}"
    reader.execute(f"call postgres_execute('pg', {literal(statement)})")


def _technical(context: Context, op: str, flag: str) -> str:
    return (
        f"{context.batch_id}::bigint as _batch_id, timestamptz {literal(context.ingested_at)} as _ingested_at, "
        f"{literal(op)} as _op, {context.lsn}::bigint as _source_lsn, {flag} as _flags"
    )


def _read(reader: duckdb.DuckDBPyConnection, context: Context, work: Read) -> dict[str, Any]:
    # By position, since the reader cannot tell apart names that differ only in case.
    columns = [f"{item.source} as c{number}" for number, item in enumerate(work.mapped)]
    query = f"select {', '.join([*columns, f'{flags(list(work.mapped))} as _flags'])} from {work.relation}"
    query += f" where {work.where}" if work.where else ""
    outer = [received(item, f"c{number}", work.names[item.column.name]) for number, item in enumerate(work.mapped)]
    select = f"select {', '.join([*outer, _technical(context, work.op, '_flags')])} from postgres_query('pg', {literal(query)})"
    return _write(reader, context, select, work.folder)


def _write(reader: duckdb.DuckDBPyConnection, context: Context, select: str, folder: str) -> dict[str, Any]:
    """Write `select` as a Parquet file of `folder`; no file stays where there are no rows."""
    name = f"{context.batch_id:010d}-{uuid.uuid4().hex}.parquet"
    local = Path(tempfile.mkdtemp()) / name if folder.startswith("s3://") else Path(folder) / name
    local.parent.mkdir(parents=True, exist_ok=True)
    try:
        copied = f"copy ({select}) to {literal(str(local))} (format parquet, return_stats)"
        _, rows, size, *_ = reader.execute(copied).fetchall()[0]
        if rows and local.parent != Path(folder):
            _upload(local, folder, context.storage)
    except BaseException:
        local.unlink(missing_ok=True)
        raise
    if not rows or local.parent != Path(folder):
        local.unlink()
    return {"path": name if rows else None, "rows": rows, "bytes": size if rows else 0}


def _upload(local: Path, folder: str, storage: dict[str, str]) -> None:
    import boto3

    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    boto3.client("s3", endpoint_url=storage.get("aws_endpoint")).upload_file(str(local), bucket, f"{prefix}/{local.name}")


def _compare(reader: duckdb.DuckDBPyConnection, context: Context, work: Compare) -> dict[str, Any]:
    everything = " union all ".join(f"select {_keys(work)} from {relation}" for relation in work.relations)
    probe = " union all ".join(
        f"select count(*) as n, count(*) filter (where {work.changed}) as fresh from {relation}" for relation in work.relations
    )
    query = f"select sum(n)::bigint as n, sum(fresh)::bigint as fresh from ({probe}) x"
    live, fresh = reader.execute(f"select * from postgres_query('pg', {literal(query)})").fetchall()[0]
    detail = json.dumps({"live": live})
    if live == work.live and not fresh:
        return {"rows": 0, "bytes": 0, "detail": detail}
    bronze = [work.names[item.column.name] for item in work.mapped]
    same = " and ".join(f"s.c{number} = b.{quote(name)}" for number, name in enumerate(bronze))
    keys = ", ".join(quote(name) for name in bronze)
    reader.register("held", _held(work, context, bronze))
    select = (
        f"with b as (select {keys} from held group by all having max_by(_op, _batch_id * 2 + (_op <> 'd')::int) <> 'd'), "
        f"s as (select * from postgres_query('pg', {literal(everything)})) "
        f"select {keys}, {_technical(context, 'd', 'null::varchar')} from b anti join s on {same}"
    )
    return _write(reader, context, select, work.folder) | {"detail": detail}


def _keys(work: Compare) -> str:
    return ", ".join(f"{item.source} as c{number}" for number, item in enumerate(work.mapped))


def _held(work: Compare, context: Context, keys: list[str]) -> Any:
    """Keys, operations and batches of every bronze row, as a lazy Arrow scan."""
    from deltalake.fs import DeltaStorageHandler
    from pyarrow import dataset, fs

    store = fs.PyFileSystem(DeltaStorageHandler(work.folder, context.storage or None))
    scan = dataset.dataset(list(work.files), filesystem=store, format="parquet")
    return scan.scanner(columns=[*keys, "_op", "_batch_id"]).to_reader()
