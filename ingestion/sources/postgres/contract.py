"""Schema contracts: what became of a table's columns since the last batch, and whether that may be taken up. Pure; no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ingestion.bronze.columns import ColumnMapping
from ingestion.sources.base import Change
from ingestion.sources.postgres.discover import Leaf, PostgresTable
from ingestion.sources.postgres.types import MAPPING, remapped
from lakehouse.errors import SourceError

_INTEGERS = {pa.int16(): 5, pa.int32(): 10, pa.int64(): 19}  # with their decimal digits


@dataclass(frozen=True)
class Shape:
    """What a batch found; kept in its Delta commit, so that the next one can tell renamed from dropped, and old from new.

    Attributes:
        columns: name to `attnum`, which a rename keeps.
        leaves: oid of a table or partition to its file on disk, which a rewrite changes.
        mapping: version of the mapping of types.
        key: columns of the source's.
        makeup: column to what the catalog says that its values read as, where it says anything.
    """

    columns: Mapping[str, int] = field(default_factory=dict)
    leaves: Mapping[str, int] = field(default_factory=dict)
    mapping: int = 1
    key: Sequence[str] = ()
    makeup: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {"columns": dict(self.columns), "leaves": dict(self.leaves), "mapping": self.mapping, "key": list(self.key)} | {
            "makeup": {name: dict(parts) for name, parts in self.makeup.items()}
        }

    def holds(self, leaf: Leaf, rewritten_counts: bool) -> bool:
        """Whether the last batch read this storage; one attached or rebuilt since may hold rows older than the window."""
        node = self.leaves.get(str(leaf.oid))
        return node is not None and (node == leaf.node or not rewritten_counts)


class ContractError(SourceError):
    """A table's columns changed in a way that its contract does not allow; nothing of it was written."""

    def __init__(self, label: str, policy: str, refused: str, found: "Sequence[Change]", name: str) -> None:
        self.changes, self.name = list(found), name
        frozen = "Set contract: evolve in sources.yml to take it up, or change the table back"
        anew = f"Run make ingest TABLES={label} RESYNC=1 to copy it anew under the new type"
        wanted = "unchanged columns" if policy == "freeze" else "unchanged or wider types"
        super().__init__(label, f"contract {policy}: {refused}", wanted, frozen if policy == "freeze" else anew)


def shape_of(table: PostgresTable, key: Sequence[str] = ()) -> Shape:
    """The shape of `table` now."""
    return Shape(
        columns={column.name: column.number for column in table.columns},
        leaves={str(leaf.oid): leaf.node for leaf in table.leaves},
        mapping=MAPPING,
        key=key,
        makeup={column.name: column.makeup for column in table.columns if column.makeup},
    )


def changes(seen: Shape | None, held: pa.Schema, mapped: Sequence[ColumnMapping], names: Mapping[str, str]) -> list[Change]:
    """What differs between bronze and the source.

    Args:
        seen: shape at the last batch; None if it was not noted.
        held: schema of the bronze table, types as Delta knows them.
        names: source column to bronze column.
    """
    was = {number: name for name, number in seen.columns.items()} if seen else {}
    found = [change for item in mapped for change in _column(item, seen, was=was, held=held, names=names)]
    numbers = {item.column.number for item in mapped}
    renamed = {change.before for change in found if change.kind == "renamed"}
    present = {item.column.name for item in mapped}
    gone = [name for number, name in was.items() if number not in numbers and name not in present | renamed]
    return found + [Change("dropped", name) for name in gone]


def _column(
    item: ColumnMapping, seen: Shape | None, was: Mapping[int, str], held: pa.Schema, names: Mapping[str, str]
) -> list[Change]:
    column, target = item.column, names[item.column.name]
    before = was.get(column.number)
    if seen and before is not None and before != column.name:
        return [Change("renamed", column.name, before)]
    if target not in held.names or (seen and column.name not in seen.columns):
        return [Change("added", column.name, after=str(item.target))]
    found = []
    if seen and seen.columns[column.name] != column.number:
        found.append(Change("replaced", column.name))
    here = held.field(target).type
    if here != item.target:
        kind = "widened" if wider(here, item.target) else "retyped"
        found.append(Change(kind, column.name, str(here), str(item.target)))
    return found


def wider(before: pa.DataType, after: pa.DataType) -> bool:
    """Whether every value of `before` is a value of `after`, so that what bronze holds can be carried over."""
    if before in _INTEGERS and after in _INTEGERS:
        return _INTEGERS[before] < _INTEGERS[after]
    if before == pa.float32():
        return bool(after == pa.float64())
    if not pa.types.is_decimal(after):
        return False
    room = after.precision - after.scale
    if before in _INTEGERS:
        return bool(_INTEGERS[before] <= room)
    return bool(pa.types.is_decimal(before) and before.scale <= after.scale and before.precision - before.scale <= room)


def reread_reason(found: Sequence[Change]) -> str:
    """Why columns make the table be read whole: old rows have values there that the window does not show."""
    fresh = [change.column for change in found if change.kind in ("added", "renamed", "replaced")]
    return f"new columns: {', '.join(fresh)}" if fresh else ""


def remapped_columns(seen: Shape | None, table: PostgresTable) -> list[str]:
    """Columns whose values travel otherwise than when the table was last read."""
    since = seen.mapping if seen else 1
    return [column.name for column in table.columns if remapped(column, since)]


def reworded_columns(seen: Shape | None, table: PostgresTable) -> list[str]:
    """Columns whose values read otherwise than at the last batch though no row was written: a label was renamed, an attribute added."""
    found = []
    for column in table.columns:
        before = dict(seen.makeup.get(column.name, {})) if seen else {}
        now = {part: value for part, value in column.makeup.items() if part in before or not part.startswith("label ")}
        if before and before != now:  # another label beside the others changes no value
            found.append(column.name)
    return found


def refusal(policy: str, found: Sequence[Change], resync: bool) -> str:
    """What of `found` the contract does not allow; "" if all is well."""
    refused = [change for change in found if policy == "freeze" or (change.kind == "retyped" and not resync)]
    return ", ".join(map(str, refused))
