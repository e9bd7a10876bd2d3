"""What bronze holds: its files as one scan, and a file written anew with wider types."""

from typing import Any

import duckdb
import pyarrow as pa
from deltalake import Schema

from ingestion.bronze.work import BatchContext, RewriteTask
from ingestion.bronze.write import write
from lakehouse.engines.standard import quote
from lakehouse.tables.types import duckdb_type


def rewrite(reader: duckdb.DuckDBPyConnection, context: BatchContext, work: RewriteTask) -> dict[str, Any]:
    """Write the file's rows with the types of `work.columns`; batch numbers and all else stay as they are."""
    held = scan((work.file,), work.folder, context)
    types = duckdb_types(work.columns)
    casts = ", ".join(f"{quote(name)}::{types[name]} as {quote(name)}" for name in held.schema.names)
    reader.register("held", held)
    try:
        return write(reader, context, select=f"select {casts} from held", folder=work.folder, columns=work.columns.names)
    finally:
        reader.unregister("held")


def duckdb_types(columns: pa.Schema) -> dict[str, str]:
    """DuckDB's names of the types that bronze has for `columns`."""
    return {field.name: duckdb_type(field.type) for field in Schema.from_arrow(columns).fields}


def scan(files: tuple[str, ...], folder: str, context: BatchContext, schema: pa.Schema | None = None) -> pa.RecordBatchReader:
    """Bronze's files as a lazy Arrow scan; of the columns in `schema` a file may lack some, and there may be no file."""
    from deltalake.fs import DeltaStorageHandler
    from pyarrow import dataset, fs

    store = fs.PyFileSystem(DeltaStorageHandler(folder, context.storage or None))
    scan = dataset.dataset(list(files), filesystem=store, format="parquet", schema=schema)
    return scan.scanner().to_reader()
