"""Looks rows up by their values, in the versions that readers see."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from deltalake import DeltaTable

from expectations.names import Name
from inspection import key as keys
from inspection.answer import Row, Values
from inspection.reader import Reader, RowQuery
from lakehouse import values
from lakehouse.engines.dialect import Types
from lakehouse.settings import Settings
from lakehouse.tables import candidate, quarantine, released
from lakehouse.tables.quarantine import REASONS, REQUEUED, TAKEN_AT
from lakehouse.tables.released import Release
from lakehouse.tables.types import spark_types

TECHNICAL = ("_batch_id", "_ingested_at", "_op", "_is_deleted", "_source_lsn", "_valid_from", "_valid_to")
LIMIT = 20  # rows of one table: more than that are not looked at one by one


class Finder:
    """Finds rows; `show` keeps their values."""

    def __init__(self, settings: Settings, reader: Reader, show: bool) -> None:
        self._settings, self._reader, self._show = settings, reader, show
        self._history = released.history(settings)

    def published(self, layer: str) -> list[Release]:
        """The layer's releases, the newest first."""
        return [one for one in reversed(self._history) if (one.layer, one.status) == (layer, "published")]

    def current(self, layer: str) -> Release | None:
        """What readers of `layer` see."""
        return next(iter(self.published(layer)), None)

    def version(self, name: Name) -> int | None:
        """What readers see of the table, or its newest version; of bronze the newest: it only grows."""
        shown = self.current(name[0])
        if name[0] != "bronze" and shown and name[1] in shown.tables:
            return shown.tables[name[1]]
        return candidate.version(self._settings, *name)

    def columns(self, name: Name) -> set[str]:
        """Columns of the version that `version` gives; none if the table is not there."""
        version = self.version(name)
        return set(spark_types(self.open(name, version))) if version is not None else set()

    def open(self, name: Name, version: int) -> DeltaTable:
        """The table as of `version`; raises ReleaseError if it can't be read any more."""
        return self._reader.open(".".join(name), candidate.location(self._settings, *name), version)

    def one(self, name: Name, version: int, key: Values) -> Values | None:
        """The row with this key, None if there is none; `_file` is the file that holds it."""
        table = self.open(name, version)
        types = spark_types(table)
        found = self.find(name, version, key, types) if set(key) <= set(types) else []
        return found[0] if found else None

    def find(self, name: Name, version: int, where: Values, types: Types) -> list[Values]:
        """Rows with these values, the newest batch first and within it what was written before what was deleted."""
        rows = self._reader.rows(".".join(name), self.open(name, version))
        columns = [*types, "_file"]
        order = [f"{column} desc" for column in ("_batch_id",) if column in types] + (["_op desc"] if "_op" in types else [])
        tail = (f" order by {', '.join(order)}" if order else "") + f" limit {LIMIT + 1}"
        return [dict(zip(columns, row, strict=True)) for row in self._ask(rows, columns, where=where, types=types, tail=tail)]

    def _ask(self, rows: RowQuery, columns: Sequence[str], where: Values, types: Types, tail: str = "") -> list[tuple[Any, ...]]:
        """The `columns` of rows with these values; moments say that they are UTC, whoever wrote the file."""
        wanted = ", ".join(rows.dialect.shown(rows.dialect.column(name), types.get(name, "")) for name in columns)
        query = f"select {wanted} from ({rows.query}) where {keys.condition(where, types, rows.dialect)}{tail}"
        kinds = [types.get(name, "") for name in columns]
        return [tuple(map(values.zoned, row, kinds)) for row in self._reader.ask(rows.dialect, query)]

    def row(self, raw: Values, named: tuple[str, ...], held: str = "") -> Row:
        """What may be told of a row."""
        technical = {name: raw[name] for name in TECHNICAL if name in raw}
        others = tuple(name for name in raw if name not in technical and name not in named and name != "_file")
        shown = {name: raw[name] for name in others} if self._show else {}
        file = str(raw.get("_file") or "").rpartition("/")[2]
        return Row(
            key={name: raw.get(name) for name in named}, technical=technical, columns=others, values=shown, file=file, held=held
        )

    def held(self, table: str, where: Values) -> dict[tuple[Any, ...], str]:
        """Reasons of the rows of bronze `table` that are or were in quarantine, by batch and key."""
        held = quarantine.held(self._settings, table)
        if held is None:
            return {}
        place = self._reader.open(f"quarantine.{table}", quarantine.location(self._settings, table), held.version)
        types = spark_types(place)
        if not set(where) <= set(types):
            return {}
        rows = self._reader.rows(f"quarantine.{table}", place)
        wanted = ["_batch_id", *held.key, REASONS, TAKEN_AT, REQUEUED]
        found = self._ask(rows, wanted, where, types)
        return {row[:-3]: f"{row[-3]} (since {moment(row[-2])}{f', back as batch {row[-1]}' if row[-1] else ''})" for row in found}


def moment(at: Any) -> str:
    """A time to the second, in UTC."""
    return f"{at.replace(tzinfo=None).isoformat(' ', 'seconds')} UTC" if isinstance(at, datetime) else str(at)
