"""The eight tables of the standard, as Delta tables of a server's lake."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake

from bench.ingest.stage import PEERS
from lakehouse.engines import catalog
from lakehouse.settings import Settings

SCHEMA = "tpch_source"


def folder(settings: Settings) -> Path:
    """Where the Delta tables are; DuckDB reads their Parquet files."""
    return settings.var_dir / "source"


def make(settings: Settings, scale: float) -> dict[str, int]:
    """Generate the tables, write them as Delta and make them known to Spark.

    Returns:
        rows of each table.
    """
    drawn = settings.var_dir / "drawn"
    made = ["--scale-factor", f"{scale:g}", "--output-dir", str(drawn)]
    drawn.mkdir()
    subprocess.run([PEERS.with_name("tpchgen-cli"), "parquet", "--quiet", *made], check=True)
    statements, rows = [f"create schema {SCHEMA}"], {}
    for path in sorted(drawn.glob("*.parquet")):
        place = str(folder(settings) / path.stem)
        rows[path.stem] = _write(path, place)
        statements.append(catalog.register_statement(SCHEMA, path.stem, place))
        path.unlink()
    catalog.thrift_rows(settings, *statements)
    return rows


def _write(path: Path, place: str) -> int:
    file = pq.ParquetFile(path)
    schema = pa.schema([pa.field(field.name, _plain(field.type)) for field in file.schema_arrow])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in file.iter_batches(batch_size=128 * 1024):
            yield batch.cast(schema)

    write_deltalake(place, pa.RecordBatchReader.from_batches(schema, batches()))
    return int(file.metadata.num_rows)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_string_view(kind) else kind
