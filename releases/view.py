"""Readers' views in SQL: a table as one release shows it, or as one of two by the moment at which the query runs.

While a release is going on, each view holds the rows of both, and a *switch* decides: a view of one row with the moment from which
the new ones are shown. Spark gives all parts of a query the same `current_timestamp()`, as a constant, so a query sees all tables
of one release, and the half that it does not see costs it nothing.
"""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from lakehouse.engines.catalog import CANDIDATE, literal, quote, thrift_rows
from lakehouse.engines.dialect import WHOLE
from lakehouse.settings import Settings
from lakehouse.store import lock, storage
from lakehouse.tables import candidate, lake, quarantine
from lakehouse.tables.quarantine import QuarantineState
from lakehouse.tables.types import spark_types

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_LANES = 4  # views at once: to analyse one is mostly waiting
_WHOLE = (*WHOLE,)


@dataclass(frozen=True)
class ReaderView:
    """What readers see of a table: its version, and what of it is in quarantine."""

    version: int
    held: QuarantineState | None = None


def switch(layer: str) -> str:
    """Name, in `ops`, of the view that says from when on the layer's new release is seen."""
    return f"switch_{layer}"


def switched(release: int, at: datetime, settled: bool) -> str:
    """The switch's query: readers see `release` from `at` on; `settled` if no view asks for it any more."""
    row = f"timestamp {literal(at.isoformat())} as at, cast({int(release)} as bigint) as release_id, {str(settled).lower()} as settled"
    return f"select {row}"


def replace(settings: Settings, schema: str, views: Mapping[str, str]) -> None:
    """Make each view its query, without a moment in which it is not there: `create or replace` drops it first."""
    there = {row[1] for row in thrift_rows(settings, f"show views in {quote(schema)}")} if views else set()
    ddl = [f"{'alter' if name in there else 'create'} view {quote(schema, name)} as {query}" for name, query in views.items()]
    lock.check(settings)
    with ThreadPoolExecutor(_LANES) as pool:
        list(pool.map(lambda statement: thrift_rows(settings, statement), ddl))


def plain(settings: Settings, layer: str, table: str, shown: ReaderView) -> str:
    """The view's query: the rows of `shown`."""
    return _rows(settings, layer, table=table, shown=shown, columns="*")


def either(settings: Settings, layer: str, table: str, before: ReaderView | None, after: ReaderView) -> str | None:
    """The view's query: rows of `before` (None: no rows) until the switch's moment, then of `after`; None if their types can't be one."""
    moment = f"(select at from {quote('ops', switch(layer))})"
    now = _rows(settings, layer, table=table, shown=after, columns="*")
    halves = [f"select * from ({now}) where current_timestamp() >= {moment}"]
    if before is not None:
        columns = _columns_as(_types(settings, layer, table, before), _types(settings, layer, table, after))
        if columns is None:
            return None
        then = _rows(settings, layer, table=table, shown=before, columns=columns)
        halves.insert(0, f"select * from ({then}) where current_timestamp() < {moment}")
    return " union all ".join(halves)


_PLAIN = re.compile(
    r"\s*select \* from (?:\(select c\.\* from \(select \* from )?`((?:[^`]|``)+)`\.`((?:[^`]|``)+)` version as of (\d+)"
    r"(?:\) as c left anti join \(select \* from delta\.`(?:[^`]|``)+` version as of \d+\) as q on [^;]*\))?\s*"
)


def read(query: str) -> tuple[str, str, int] | None:
    """Schema, table and version that a view made by `plain` shows; None if it is another view."""
    found = _PLAIN.fullmatch(query)
    return (found[1].replace("``", "`"), found[2].replace("``", "`"), int(found[3])) if found else None


def _rows(settings: Settings, layer: str, table: str, shown: ReaderView, columns: str) -> str:
    rows = f"{quote(CANDIDATE[layer], table)} version as of {int(shown.version)}"
    if not shown.held:
        return f"select {columns} from {rows}"
    kept = f"delta.{quote(storage.for_spark(quarantine.location(settings, table)))} version as of {shown.held.version}"
    same = " and ".join(f"q.{quote(name)} <=> c.{quote(name)}" for name in ("_batch_id", *shown.held.key))
    return (
        f"select {columns} from (select c.* from (select * from {rows}) as c left anti join (select * from {kept}) as q on {same})"
    )


def _types(settings: Settings, layer: str, table: str, shown: ReaderView) -> dict[str, str]:
    place = candidate.location(settings, layer, table)
    return spark_types(lake.at(settings, place, shown.version))


def _columns_as(held: Mapping[str, str], wanted: Mapping[str, str]) -> str | None:
    """A select list of the `wanted` columns from a table that has `held`; a column that it lacks is null."""
    made = []
    for name, kind in wanted.items():
        if name in held and held[name] != kind and not _widens(held[name], kind):
            return None
        value = quote(name) if held.get(name) == kind else f"cast({quote(name) if name in held else 'null'} as {kind})"
        made.append(f"{value} as {quote(name)}")
    return ", ".join(made)


def _widens(held: str, wanted: str) -> bool:
    """Whether each value of the one type is one of the other."""
    if held in _WHOLE and wanted in _WHOLE:
        return _WHOLE.index(held) < _WHOLE.index(wanted)
    if (held, wanted) == ("float", "double"):
        return True
    digits = [re.fullmatch(r"decimal\((\d+),(\d+)\)", kind) for kind in (held, wanted)]
    if all(digits):
        (p, s), (q, t) = ((int(found[1]), int(found[2])) for found in digits if found)
        return q - t >= p - s and t >= s
    return False
