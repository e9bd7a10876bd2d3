"""A bronze table: its schema, its files, and the one Delta transaction that a batch is."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import TableNotFoundError
from deltalake.transaction import AddAction, create_table_with_add_actions

from ingestion.postgres.types import TECHNICAL, Mapped
from ingestion.postgres.window import Window
from lakehouse.errors import SourceError

APP_ID = "comporta.ingestion"
_HISTORY = 50  # commits to look back for the last batch; upkeep commits carry none


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
        self.table: DeltaTable | None
        try:
            self.table = DeltaTable(url, storage_options=storage)
        except TableNotFoundError:
            self.table = None

    def window(self) -> Window | None:
        """Where the last committed batch ended; None before the first."""
        noted = self.last_batch()
        return Window(**noted["window"]) if noted else None

    def last_batch(self) -> dict[str, Any] | None:
        """What the last batch's commit says of itself, including the Delta version."""
        if self.table is None:
            return None
        for commit in self.table.history(_HISTORY):
            if "comporta" in commit:
                return {**json.loads(commit["comporta"]), "delta_version": commit["version"]}
        return None

    def version(self) -> int | None:
        """Current Delta version; None before the first commit."""
        return self.table.version() if self.table else None

    def files(self) -> list[str]:
        """Paths of the table's Parquet files, relative to it."""
        if self.table is None:
            return []
        actions = pa.table(self.table.get_add_actions(flatten=True))
        return [str(path) for path in actions.column("path").to_pylist()]

    def drift(self, wanted: pa.Schema) -> tuple[list[pa.Field], list[str]]:
        """Columns to add, and differences that can't be taken up."""
        if self.table is None:
            return [], []
        held = {field.name: field for field in pa.schema(self.table.schema().to_arrow())}
        added = [field for field in wanted if field.name not in held]
        retyped = [
            f"{field.name} is {_plain(field.type)} now, was {_plain(held[field.name].type)}"
            for field in wanted
            if field.name in held and _plain(held[field.name].type) != _plain(field.type)
        ]
        return added, retyped

    def commit(self, label: str, wanted: pa.Schema, batch: dict[str, Any], files: Sequence[File]) -> int:
        """Add `files` in one transaction that also carries the batch's window; committing it again changes nothing.

        Returns:
            the Delta version that holds the batch.

        Raises:
            SourceError: a column changed its type.
        """
        added, retyped = self.drift(wanted)
        if retyped:
            raise SourceError(label, f"column {'; '.join(retyped)}", "unchanged types", f"Move {self.url} away to copy it anew")
        number = batch["window"]["batch_id"]
        properties = CommitProperties(
            custom_metadata={"comporta": json.dumps(batch)}, app_transactions=[Transaction(APP_ID, number)]
        )
        actions = [AddAction(file.path, file.size, {}, int(time.time() * 1000), True, _stats(file)) for file in files]
        if self.table is None:
            create_table_with_add_actions(
                self.url, _schema(wanted), actions, mode="error", storage_options=self._storage, commit_properties=properties
            )
        elif (self.table.transaction_version(APP_ID) or -1) < number:
            if added:
                self.table.alter.add_columns(list(_schema(pa.schema(added)).fields))
            self.table.create_write_transaction([*actions], "append", self.table.schema(), commit_properties=properties)
        self.table = DeltaTable(self.url, storage_options=self._storage)
        return self.table.version()


def arrow_schema(mapped: Sequence[Mapped], names: dict[str, str]) -> pa.Schema:
    """Schema of the bronze table of columns `mapped`; everything may be null, since a delete knows only its key."""
    return pa.schema([*(pa.field(names[item.column.name], item.target) for item in mapped), *TECHNICAL])


def _schema(wanted: pa.Schema) -> Schema:
    return Schema.from_arrow(wanted)


def _plain(kind: pa.DataType) -> str:
    """A type's name as Delta knows it: delta-rs reads back what it wrote under wider Arrow types."""
    return str(Schema.from_arrow(pa.schema([pa.field("x", kind)])).fields[0].type)


def _stats(file: File) -> str:
    return json.dumps({"numRecords": file.rows})
