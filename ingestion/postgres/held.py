"""Work that reads what bronze holds: keys that are gone from the source, and files that want wider types."""

import json
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.postgres.types import literal, quote
from ingestion.postgres.work import Compare, Context, Rewrite
from ingestion.postgres.write import technical, write


def compare(reader: duckdb.DuckDBPyConnection, context: Context, work: Compare) -> dict[str, Any]:
    """Write the keys that are gone; `detail` tells the source's rows and how many keys bronze should have had and lacks."""
    detail: dict[str, int] = {"lacks": 0}
    if not work.within:  # a range is only compared where the whole was found to have changed
        detail["live"], fresh = _probe(reader, work)
        if detail["live"] == work.live and not fresh:
            return {"rows": 0, "deletes": 0, "bytes": 0, "detail": json.dumps(detail)}
    bronze = [work.names[item.column.name] for item in work.mapped]
    same = " and ".join(f"b.{quote(name)} is not distinct from s.c{number}" for number, name in enumerate(bronze))
    keys = ", ".join(quote(name) for name in bronze)
    reader.register("held", _held(work.files, work.folder, context, [*bronze, "_op", "_batch_id"]))
    within = f"where {work.within.format(quote(bronze[0]))}" if work.within else ""
    latest = f"from held {within} group by all having max_by(_op, _batch_id * 2 + (_op <> 'd')::int) <> 'd'"
    reader.execute(f"create or replace temp table b as select {keys} {latest}")
    reader.unregister("held")
    reader.execute(f"create or replace temp table s as select * from postgres_query('pg', {literal(_everything(work))})")
    lacks = f"select count(*) from s anti join b on {same} where not s.taken"
    detail["lacks"] = reader.execute(lacks).fetchall()[0][0]
    gone = f"select {keys}, {technical(context, literal('d'), 'null::varchar')} from b anti join s on {same}"
    try:
        return write(reader, context, gone, work.folder, work.columns) | {"detail": json.dumps(detail)}
    finally:
        reader.execute("drop table b; drop table s")


def _probe(reader: duckdb.DuckDBPyConnection, work: Compare) -> tuple[int, int]:
    """Rows that the source has, and those written since the last batch."""
    counts = " union all ".join(
        f"select count(*) as n, count(*) filter (where {work.changed}) as fresh from {relation}" for relation in work.relations
    )
    query = f"select sum(n)::bigint as n, sum(fresh)::bigint as fresh from ({counts}) x"
    live, fresh = reader.execute(f"select * from postgres_query('pg', {literal(query)})").fetchall()[0]
    return live, fresh


def _everything(work: Compare) -> str:
    keys = ", ".join(f"{item.source} as c{number}" for number, item in enumerate(work.mapped))
    within = f" where {work.within.format(quote(work.mapped[0].column.name))}" if work.within else ""
    select = f"select {keys}, coalesce({work.taken}, false) as taken from"
    return " union all ".join(f"{select} {relation}{within}" for relation in work.relations)


def rewrite(reader: duckdb.DuckDBPyConnection, context: Context, work: Rewrite) -> dict[str, Any]:
    """Write the file's rows with the types of `work.columns`; batch numbers and all else stay as they are."""
    held = _held((work.file,), work.folder, context)
    types = {field.name: duckdb_type(field.type) for field in work.columns}
    casts = ", ".join(f"{quote(name)}::{types[name]} as {quote(name)}" for name in held.schema.names)
    reader.register("held", held)
    try:
        return write(reader, context, f"select {casts} from held", work.folder, work.columns.names)
    finally:
        reader.unregister("held")


def duckdb_type(kind: pa.DataType) -> str:
    """DuckDB's name of an Arrow type."""
    if pa.types.is_list(kind):
        return duckdb_type(kind.value_type) + "[]"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    plain = {"bool": "boolean", "int16": "smallint", "int32": "integer", "int64": "bigint", "float": "float", "double": "double",
             "string": "varchar", "binary": "blob", "date32[day]": "date"}  # fmt: skip
    return plain[str(kind)]


def _held(files: tuple[str, ...], folder: str, context: Context, columns: list[str] | None = None) -> pa.RecordBatchReader:
    """Columns (all by default) of bronze's files as a lazy Arrow scan."""
    from deltalake.fs import DeltaStorageHandler
    from pyarrow import dataset, fs

    store = fs.PyFileSystem(DeltaStorageHandler(folder, context.storage or None))
    scan = dataset.dataset(list(files), filesystem=store, format="parquet")
    return scan.scanner(columns=columns).to_reader()
