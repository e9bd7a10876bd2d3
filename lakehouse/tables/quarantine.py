"""Rows that a bronze gate took out: where they are kept, and how a query leaves them out.

`quarantine.<table>` holds whole rows of the bronze table, with the checks that they failed. A row is named by batch and key; all
rows of one batch and key go or stay together, so that no deletion comes through alone.
"""

import json
from dataclasses import dataclass

from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import TableNotFoundError
from deltalake.schema import PrimitiveType

from lakehouse.settings import Settings
from lakehouse.store import storage

REASONS, TAKEN_AT, REQUEUED = "_failed_checks", "_quarantined_at", "_requeued_batch"
_KEPT = ((REASONS, "string"), (TAKEN_AT, "timestamp"), (REQUEUED, "long"))


@dataclass(frozen=True)
class QuarantineState:
    """What is held of a table: the version of its quarantine, and the columns that name a row beside its batch."""

    version: int
    key: tuple[str, ...]


def location(settings: Settings, table: str) -> str:
    """Where the rows of bronze table `table` are kept."""
    return storage.join(settings.lake_url, "quarantine", table)


def held(settings: Settings, table: str) -> QuarantineState | None:
    """What is held of `table`; None if nothing is."""
    try:
        found = DeltaTable(location(settings, table), storage_options=storage.options(settings))
    except TableNotFoundError:
        return None
    if not sum(found.get_add_actions(flatten=True)["num_records"].to_pylist()):
        return None
    return QuarantineState(found.version(), tuple(json.loads(found.metadata().description or "[]")))


def prepare(settings: Settings, table: str, bronze: DeltaTable, key: tuple[str, ...]) -> str:
    """Make the quarantine of `table` if there is none, and return where it is."""
    place = location(settings, table)
    fields = [*bronze.schema().fields, *(Field(name, PrimitiveType(kind)) for name, kind in _KEPT)]
    DeltaTable.create(place, Schema(fields), mode="ignore", description=json.dumps(key), storage_options=storage.options(settings))
    return place
