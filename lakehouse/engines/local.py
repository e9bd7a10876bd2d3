"""A Delta version, asked with DuckDB: the same counts as from Spark, without a job for each table."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import duckdb
from deltalake import DeltaTable

from lakehouse import access, values
from lakehouse.engines import duck
from lakehouse.engines.dialect import DUCKDB
from lakehouse.settings import Settings

_PLAIN = {"appendOnly", "invariants", "timestampNtz", "vacuumProtocolCheck", "v2Checkpoint", "domainMetadata", "inCommitTimestamp"}


class DuckEngine:
    """DuckDB with room for the tables of a gate; each thread asks a cursor of its own."""

    def __init__(self, settings: Settings) -> None:
        config: duck.Options = {"temp_directory": str(access.scratch(settings.var_dir)), "preserve_insertion_order": False}
        self._connection = duckdb.connect(config=config | duck.UNSIGNED)
        duck.reach(self._connection, settings)
        self._connection.execute("set timezone = 'UTC'")  # as Spark's sessions have it
        # Both would believe a file's least and greatest number, from which some writers leave NaN out.
        self._connection.execute("set disabled_optimizers = 'statistics_propagation,filter_pushdown'")

    def ask(self, query: str) -> Iterable[Iterable[Any]]:
        """Rows of `query`; times as `lakehouse.values` says."""
        return values.rows(self._connection.cursor().execute(query).to_arrow_table())


def rows(settings: Settings, table: DeltaTable) -> str | None:
    """Query of DuckDB: all rows of `table`; None if a file does not hold its rows as they are, or DuckDB can't reach it."""
    protocol = table.protocol()
    features = {*(protocol.reader_features or ())}
    old_mapping = protocol.min_reader_version == 2
    if not duck.reads(settings) or not features <= _PLAIN or old_mapping or table.metadata().partition_columns:
        return None
    return rows_of(table.file_uris())


def rows_of(uris: Iterable[str]) -> str | None:
    """Query of DuckDB: all rows of the Parquet files `uris`; None if there are none, or one has a name that is a pattern."""
    files = [unquote(path.removeprefix("file://")) for path in uris]
    if not files or any(char in path for path in files for char in "*?["):
        return None
    listed = ", ".join(map(DUCKDB.literal, files))
    return f"select * from read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
