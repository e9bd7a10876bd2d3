"""Rows of Delta versions, asked of whoever is near: DuckDB on this machine's files, else the Spark server."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from expectations.compile import frame
from lakehouse import machine
from lakehouse.engines import duck, local
from lakehouse.engines.dialect import DUCKDB, SPARK, Dialect
from lakehouse.errors import ReleaseError
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import lake
from lakehouse.tables.types import duckdb_type

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class RowQuery:
    """A query of rows, who can run it, and the columns that it has."""

    query: str
    dialect: Dialect
    columns: frozenset[str]  # of the table's schema; the query may have more


class Reader:
    """Opens versions and asks about their rows; a Spark session is opened when the first table needs it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._local = local.DuckEngine(settings)
        self._spark: SparkSession | None = None

    def close(self) -> None:
        """End the Spark session, if there is one."""
        if self._spark:
            self._spark.stop()

    def ask(self, dialect: Dialect, query: str) -> list[tuple[Any, ...]]:
        """Rows of `query`, by the engine that speaks `dialect`."""
        found: Iterable[Iterable[Any]] = self._connect().sql(query).collect() if dialect.is_spark else self._local.ask(query)
        return [tuple(row) for row in found]

    def _connect(self) -> "SparkSession":
        if self._spark is None:
            from lakehouse.engines.session import connect

            machine.start(self._settings)
            self._spark = connect(self._settings)
        return self._spark

    def open(self, name: str, location: str, version: int) -> DeltaTable:
        """The table at `location` as of `version`.

        Raises:
            ReleaseError: its log no longer reaches back so far.
        """
        try:
            return lake.at(self._settings, location, version)
        except DeltaError:
            raise _gone(name, version) from None

    def is_local(self, table: DeltaTable) -> bool:
        """Whether DuckDB may read the files of `table` themselves; there is nothing to read in an empty one."""
        empty = duck.reads(self._settings) and not table.file_uris()
        return empty or local.rows(self._settings, table) is not None

    def rows(self, name: str, table: DeltaTable, files: Collection[str] | None = None) -> RowQuery:
        """All rows of `table`, or those in some of its `files` (as `paths` names them) if it is local; `_file` holds them.

        Raises:
            ReleaseError: a file is gone, as after VACUUM.
        """
        names = frozenset(field.name for field in table.schema().fields)
        if not self.is_local(table):
            whole = frame.at_version(_place(table), table.version())
            return RowQuery(whole.replace("select *", "select *, _metadata.file_path as _file", 1), SPARK, names)
        chosen = sorted(paths(table) if files is None else files)
        if lost := [path for path in chosen if not storage.is_s3(path) and not Path(path).exists()]:
            raise _gone(name, table.version(), f"{len(lost)} of its files are")
        # Of its type: nothing else tells it where no file has the column, and a function of times takes no null of whole numbers.
        null = {
            field.name: f"cast(null as {duckdb_type(field.type)}) as {DUCKDB.column(field.name)}" for field in table.schema().fields
        }
        if not chosen:
            nothing = ", ".join(null[each] for each in sorted(names))
            return RowQuery(f"select {nothing}, null as _file where false", DUCKDB, names)
        read = f"read_parquet([{', '.join(map(DUCKDB.literal, chosen))}], union_by_name = true, hive_partitioning = false)"
        try:
            held = frozenset(str(row[0]) for row in self._local_description(read))
        except duckdb.HTTPException as error:
            if "404" not in str(error):
                raise
            raise _gone(name, table.version(), "one of its files is") from None
        missing = "".join(f", {null[each]}" for each in sorted(names - held))
        return RowQuery(f"select *{missing}, filename as _file from {read}", DUCKDB, names)

    def _local_description(self, read: str) -> list[tuple[Any, ...]]:
        return self.ask(DUCKDB, f"describe select * from {read}")


def paths(table: DeltaTable) -> set[str]:
    """Files of a local table's version, as the file system names them."""
    return {unquote(uri.removeprefix("file://")) for uri in table.file_uris()}


def _place(table: DeltaTable) -> str:
    uri = table.table_uri.rstrip("/")
    return unquote(uri.removeprefix("file://")) if uri.startswith("file://") else uri


def _gone(name: str, version: int, what: str = "it is") -> ReleaseError:
    return ReleaseError(
        f"{name} version {version}",
        f"can't be read: {what} no longer there",
        "a version that VACUUM has left",
        "Choose a later release; see make releases",
    )
