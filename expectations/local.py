"""A Delta version on this machine's disk, asked with DuckDB: the same counts as from Spark, without a job for each table."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import duckdb
from deltalake import DeltaTable
from deltalake.schema import ArrayType, DataType, MapType, StructType

from expectations.condition import DUCKDB
from lakehouse import storage
from lakehouse.settings import Settings

_PLAIN = {"appendOnly", "invariants", "timestampNtz", "vacuumProtocolCheck", "v2Checkpoint", "domainMetadata", "inCommitTimestamp"}


class Engine:
    """DuckDB with room for the tables of a gate; each thread asks a cursor of its own."""

    def __init__(self, settings: Settings) -> None:
        scratch = settings.var_dir / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        self._connection = duckdb.connect(config={"temp_directory": str(scratch), "preserve_insertion_order": False})
        self._connection.execute("set timezone = 'UTC'")  # as Spark's sessions have it
        # Both would believe a file's least and greatest number, from which some writers leave NaN out.
        self._connection.execute("set disabled_optimizers = 'statistics_propagation,filter_pushdown'")

    def ask(self, query: str) -> Iterable[Iterable[Any]]:
        """Rows of `query`."""
        return self._connection.cursor().execute(query).fetchall()


def rows(settings: Settings, table: DeltaTable) -> str | None:
    """Query of DuckDB: all rows of `table`; None if a file does not hold its rows as they are, or is not on this machine."""
    protocol = table.protocol()
    features = {*(protocol.reader_features or ())}
    old_mapping = protocol.min_reader_version == 2
    if storage.is_s3(settings.lake_url) or not features <= _PLAIN or old_mapping or table.metadata().partition_columns:
        return None
    files = [unquote(path.removeprefix("file://")) for path in table.file_uris()]
    if not files or any(char in path for path in files for char in "*?["):  # DuckDB would take the name for a pattern
        return None
    listed = ", ".join(map(DUCKDB.literal, files))
    return f"select * from read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"


def types(table: DeltaTable) -> dict[str, str]:
    """Column names and Delta's names of their types, as Spark writes them: `long`, `array<long>`, `struct<a:string>`."""
    return {field.name: _name(field.type) for field in table.schema().fields}


def _name(kind: DataType) -> str:
    if isinstance(kind, ArrayType):
        return f"array<{_name(kind.element_type)}>"
    if isinstance(kind, MapType):
        return f"map<{_name(kind.key_type)},{_name(kind.value_type)}>"
    if isinstance(kind, StructType):
        return f"struct<{','.join(f'{field.name}:{_name(field.type)}' for field in kind.fields)}>"
    return str(kind.type)
