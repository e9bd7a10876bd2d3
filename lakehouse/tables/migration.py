"""Versions of the ledger's tables: one of an earlier Comporta is brought up before it is written, one of a later is refused."""

import json
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType

from lakehouse import console
from lakehouse.engines.standard import literal
from lakehouse.errors import StorageError

VERSION = 2  # 1: before tables said so; 2: each batch says its source, its run, and its key as bronze has it
_NAME = "comporta.schema_version"
PROPERTIES = {_NAME: str(VERSION)}


def version(table: DeltaTable) -> int:
    """Of the table's records, as its properties say."""
    said: dict[str, str] = table.metadata().configuration
    return int(said.get(_NAME, 1))


def refuse_later(table: DeltaTable, place: str) -> None:
    """Records whose meaning is not known here are neither read nor written.

    Raises:
        StorageError: the table is of a later Comporta.
    """
    if (found := version(table)) > VERSION:
        seen = f"is of a later Comporta (its records have schema {found})"
        raise StorageError(place, seen, f"{VERSION} or earlier", "Upgrade Comporta, which can go on with any earlier lake")


def brought_up(table: DeltaTable, name: str) -> DeltaTable:
    """The ledger's table `name` at this version; what changes is said. The write lock is held.

    Cut off on the way it is tried again by the next who writes: each step changes nothing where it was done already.
    """
    before = version(table)
    if before == VERSION:
        return table
    if name == "batches":
        _sources_and_keys(table)
    table.alter.set_table_properties(PROPERTIES, raise_if_not_exists=False)
    console.out.print(f"Ledger: ops.{name} was of schema {before} and is of {VERSION} now; no record is lost.", style="dim")
    return table


def _sources_and_keys(table: DeltaTable) -> None:
    """A batch that was noted after a kill had no source, and its key as the source has it: those of the table's others hold for it."""
    fields = {field.name: str(field.type) for field in pa.schema(table.schema().to_arrow())}
    if "run_id" not in fields:
        table.alter.add_columns([Field("run_id", PrimitiveType("long"))])
    table.update(updates={"run_id": "batch_id"}, predicate="run_id is null")
    told: list[dict[str, Any]] = table.to_pyarrow_table(columns=["table_name", "source", "key"]).to_pylist()
    known = {row["table_name"]: row for row in told if row["source"] is not None}
    for name in {row["table_name"] for row in told if row["source"] is None} & known.keys():
        values = {"source": known[name]["source"], "key": known[name]["key"] or json.dumps([])}
        table.update(
            updates={column: literal(value) for column, value in values.items()},
            predicate=f"source is null and table_name = {literal(name)}",
        )
