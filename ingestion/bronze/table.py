"""A bronze table: its schema, its files, and the one Delta transaction that a batch is."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, create_table_with_add_actions

from ingestion.bronze.columns import TECHNICAL, ColumnMapping
from lakehouse.errors import StorageError
from lakehouse.redaction import first_line

APP_ID = "comporta.ingestion"
NOTE = "comporta"  # key of the batch's note in a commit's metadata


@dataclass(frozen=True)
class File:
    """A Parquet file that a task wrote, relative to the table."""

    path: str
    rows: int
    size: int


class Bronze:
    """The Delta table at `url`; it need not exist yet."""

    def __init__(self, url: str, storage: dict[str, str]) -> None:
        self.url, self._storage = url, storage
        self._noted: tuple[int, dict[str, Any] | None] = (-1, None)  # the version that it was read at, and what it said
        self.table: DeltaTable | None
        try:
            self.table = DeltaTable(url, storage_options=storage)
        except TableNotFoundError:
            self.table = None

    def last_batch(self) -> dict[str, Any] | None:
        """What the last batch's commit says of itself, including the Delta version; commits of upkeep repeat it."""
        if self.table is None:
            return None
        number, noted = self._noted
        if number != self.table.version():
            noted = self._read_note()
            self._noted = self.table.version(), noted
        return dict(noted) if noted else None

    def _read_note(self) -> dict[str, Any] | None:
        assert self.table is not None
        for depth in (1, 50, None):  # nearly always the newest; a foreign commit (Spark's OPTIMIZE) says nothing
            for commit in self.table.history(depth):
                if NOTE in commit:
                    return {"delta_version": commit["version"], **json.loads(commit[NOTE])}
        return None

    def version(self) -> int | None:
        """Current Delta version; None before the first commit."""
        return self.table.version() if self.table else None

    def files(self) -> list[str]:
        """Paths of the table's Parquet files, relative to it."""
        return list(self.sizes())

    def sizes(self) -> dict[str, int]:
        """The table's Parquet files and their bytes."""
        if self.table is None:
            return {}
        actions = pa.table(self.table.get_add_actions(flatten=True))
        return dict(zip(map(str, actions.column("path").to_pylist()), actions.column("size_bytes").to_pylist(), strict=True))

    def schema(self) -> pa.Schema | None:
        """The table's columns, in the Arrow types that we write; None before the first commit."""
        if self.table is None:
            return None
        return pa.schema([pa.field(field.name, _own(field.type)) for field in pa.schema(self.table.schema().to_arrow())])

    def commit(self, wanted: pa.Schema, note: dict[str, Any], files: Sequence[File], replace: bool = False) -> int:
        """Add `files` in one transaction that also carries the batch's note; committing it again changes nothing.

        A store may keep a commit whose answer gets lost: what an error means, the log says.

        Args:
            wanted: every column that the files may have; columns that only the table has stay.
            note: must have a `window` with a `batch_id`.
            replace: `files` take the place of all that the table holds, and `wanted` that of its schema.

        Returns:
            the Delta version that holds the batch.

        Raises:
            DeltaError, OSError: it was not committed.
            StorageError: whether it was can't be told.
        """
        number = note["window"]["batch_id"]
        properties = CommitProperties(custom_metadata={NOTE: json.dumps(note)}, app_transactions=[Transaction(APP_ID, number)])
        actions = [
            AddAction(
                path=file.path,
                size=file.size,
                partition_values={},
                modification_time=int(time.time() * 1000),
                data_change=True,
                stats=_stats(file),
            )
            for file in files
        ]
        try:
            if self.table is None:
                create_table_with_add_actions(
                    self.url,
                    Schema.from_arrow(wanted),
                    actions,
                    mode="error",
                    storage_options=self._storage,
                    commit_properties=properties,
                )
            elif (self.table.transaction_version(APP_ID) or -1) < number:
                if replace:
                    self.table.create_write_transaction(
                        [*actions], "overwrite", Schema.from_arrow(wanted), commit_properties=properties
                    )
                else:
                    self._append(wanted, actions, properties)
            self.table = DeltaTable(self.url, storage_options=self._storage)
        except (DeltaError, OSError) as error:
            if not self._holds(number, error):
                raise
        assert self.table is not None
        return self.table.version()

    def _holds(self, number: int, error: Exception) -> bool:
        """Whether batch `number` is committed, although `error` came of it."""
        try:
            self.table = DeltaTable(self.url, storage_options=self._storage)
        except TableNotFoundError:
            return False
        except (DeltaError, OSError):
            raise StorageError(
                self.url,
                f"it is not known whether batch {number} was committed: {first_line(error)}",
                remedy="Run again: the log will tell, and nothing is copied twice",
            ) from None
        return (self.table.transaction_version(APP_ID) or -1) >= number

    def _append(self, wanted: pa.Schema, actions: list[AddAction], properties: CommitProperties) -> None:
        assert self.table is not None
        held = {field.name for field in self.table.schema().fields}
        added = [field for field in wanted if field.name not in held]
        if added:  # a commit of its own; should the next one not come, the batch after still finds the column unread (Shape)
            self.table.alter.add_columns(list(Schema.from_arrow(pa.schema(added)).fields))
        self.table.create_write_transaction([*actions], "append", self.table.schema(), commit_properties=properties)


def arrow_schema(mapped: Sequence[ColumnMapping], names: dict[str, str]) -> pa.Schema:
    """Schema of the bronze table of columns `mapped`; everything may be null, since a delete knows only its key.

    A column whose name Delta could not hold carries the source's as its comment.
    """
    return pa.schema([*(_field(item, names[item.column.name]) for item in mapped), *TECHNICAL])


def merged(held: pa.Schema | None, wanted: pa.Schema) -> pa.Schema:
    """`wanted` after the columns that only `held` has, in the order in which they came."""
    if held is None:
        return wanted
    fields = [wanted.field(name) if name in wanted.names else held.field(name) for name in held.names]
    return pa.schema([*fields, *(field for field in wanted if field.name not in held.names)])


def _field(item: ColumnMapping, name: str) -> pa.Field:
    comment = {"comment": f"{item.column.name} in the source"} if name != item.column.name else None
    return pa.field(name, item.target, metadata=comment)


def _own(kind: pa.DataType) -> pa.DataType:
    """delta-rs reads back what it wrote under Arrow types of its own choice (views, large strings)."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(_own(kind.value_type))
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_binary_view(kind) or pa.types.is_large_binary(kind):
        return pa.binary()
    return kind


def _stats(file: File) -> str:
    return json.dumps({"numRecords": file.rows})
