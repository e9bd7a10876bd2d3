"""What two releases of a layer differ in: tables, columns, and rows by their key; of bronze, which is history, by batch.

Files that both versions hold can't differ, so only those that one of them lacks are read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deltalake import DeltaTable

from expectations.names import key_of
from inspection.reader import Reader, RowQuery, paths
from lakehouse.errors import ReleaseError
from lakehouse.settings import Settings
from lakehouse.tables import candidate, quarantine, released
from lakehouse.tables.released import Release
from lakehouse.tables.types import spark_types
from lakehouse.values import zoned

_NUMBER = re.compile(r"[0-9]{1,18}")  # `²` is a digit too, and no number
STAMPS = frozenset({"_batch_id", "_ingested_at", "_op", "_source_lsn"})  # say how a row came, not what it is


@dataclass(frozen=True)
class Example:
    """One row that differs: its key, and the columns that do; their values before and after only if they were asked for."""

    kind: str  # added | changed | removed
    key: dict[str, Any]
    columns: tuple[str, ...] = ()
    values: dict[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Rows of one batch of bronze that only the later release has; fewer than none if it lost them."""

    batch_id: int
    rows: int
    written: int
    deleted: int
    is_new: bool


@dataclass(frozen=True)
class TableDifference:
    """What became of one table. Rows are None where they were not counted."""

    table: str
    state: str  # same | changed | new | gone | unreadable
    before: int | None = None  # Delta versions
    after: int | None = None
    key: tuple[str, ...] = ()
    added: int | None = None
    changed: int | None = None
    removed: int | None = None
    restamped: int = 0  # rows of which only the stamps differ
    columns: tuple[str, ...] = ()  # added, dropped and retyped ones, as sentences
    changed_columns: dict[str, int] = field(default_factory=dict)  # rows in which each differs
    batches: tuple[Batch, ...] = ()
    held: tuple[int, int] | None = None  # rows in quarantine, which readers don't see, before and after; None: none of both
    examples: tuple[Example, ...] = ()
    note: str = ""


def choose(settings: Settings, text: str) -> tuple[Release, Release]:
    """The two releases that `text` names: `3..5`, or `5` for that one and the one of its layer before it.

    Raises:
        ReleaseError: no such release, one is not published yet, or they are of two layers.
    """
    first, dots, last = text.partition("..")
    if not all(_NUMBER.fullmatch(part.strip()) for part in (first, *([last] if dots else []))):
        raise ReleaseError(f"RELEASE={text}", "is no pair of releases", "3..5, or 5 for what it changed", "See make releases")
    known = {one.release_id: one for one in released.history(settings)}
    if dots:
        before, after = (_published(known, int(part)) for part in (first, last))
    else:
        after = _published(known, int(first))
        older = [one for one in known.values() if (one.layer, one.status) == (after.layer, "published")]
        older = [one for one in older if one.release_id < after.release_id]
        if not older:
            raise ReleaseError(f"release {first}", f"is the first of {after.layer}", "two releases: 3..5", "See make releases")
        before = older[-1]
    if before.layer != after.layer:
        raise ReleaseError(f"releases {text}", f"are of {before.layer} and {after.layer}", "two of one layer", "See make releases")
    return before, after


def _published(known: Mapping[int, Release], number: int) -> Release:
    found = known.get(number)
    if found is None:
        numbers = ", ".join(map(str, known))
        raise ReleaseError(f"release {number}", "does not exist", f"one of: {numbers}" if numbers else "", "See make releases")
    if found.status != "published":
        raise ReleaseError(f"release {number}", f"is {found.status}", "a published one", "make up finishes what was cut off")
    return found


def compare(
    settings: Settings, reader: Reader, before: Release, after: Release, rows: int = 0, show: bool = False
) -> list[TableDifference]:
    """Every table of either release, by name; what can't be read is `unreadable` with the reason in `note`.

    Args:
        rows: examples of each kind of difference.
        show: with the values of the columns that differ.
    """
    return [
        _table(settings, reader, before=before, after=after, table=table, rows=rows, show=show)
        for table in sorted({*before.tables, *after.tables})
    ]


def _table(
    settings: Settings, reader: Reader, before: Release, after: Release, table: str, rows: int, show: bool
) -> TableDifference:
    was, now = before.tables.get(table), after.tables.get(table)
    place = candidate.location(settings, after.layer, table)
    try:
        held = _held(settings, reader, before=before, after=after, table=table)
        if was is None or now is None:
            there = now if was is None else was
            size = candidate.measure(settings, after.layer, table, there)
            count = size.rows if size else None
            kind = {"state": "new", "added": count} if was is None else {"state": "gone", "removed": count}
            return TableDifference(table, before=was, after=now, held=held, **kind)  # type: ignore[arg-type]
        if was == now:
            moved = held is not None and held[0] != held[1]
            return TableDifference(table, "changed" if moved else "same", was, now, held=held, added=0, removed=0)
        name = f"{after.layer}.{table}"
        pair = _Pair(
            settings=settings, reader=reader, name=name, before=reader.open(name, place, was), after=reader.open(name, place, now)
        )
        found = _batches(pair) if after.layer == "bronze" else _rows(pair, key_of(settings, after.layer, table), rows, show)
        return TableDifference(table, before=was, after=now, held=held, columns=pair.columns, **found)
    except ReleaseError as error:
        return TableDifference(table, "unreadable", was, now, note=str(error))


def of_tables(
    reader: Reader,
    settings: Settings,
    table: str,
    before: DeltaTable,
    after: DeltaTable,
    key: tuple[str, ...],
    rows: int,
    show: bool,
) -> TableDifference:
    """What became of `table`, whose rows were those of one Delta table and are those of another.

    Raises:
        ReleaseError: one of them can't be read.
    """
    pair = _Pair(settings=settings, reader=reader, name=table, before=before, after=after)
    found = _rows(pair, key, rows, show)
    return TableDifference(table, before=before.version(), after=after.version(), columns=pair.columns, **found)


class _Pair:
    """Two versions of a table: the rows in files that only one of them has, and the columns of both."""

    def __init__(self, settings: Settings, reader: Reader, name: str, before: DeltaTable, after: DeltaTable) -> None:
        self.reader = reader
        near = reader.is_local(before) and reader.is_local(after)
        olds, news = (paths(before), paths(after)) if near else (set(), set())
        self.before = reader.rows(name, before, olds - news if near else None)
        self.after = reader.rows(name, after, news - olds if near else None)
        if self.before.dialect != self.after.dialect:  # one of both can't be read here: Spark reads both
            raise ReleaseError(name, "has other table features now than then", remedy="Compare the versions in make sql")
        self.was, self.now = spark_types(before), spark_types(after)
        self.both = [column for column in self.now if column in self.was]

    @property
    def columns(self) -> tuple[str, ...]:
        """What became of the columns."""
        came = [f"+ {name} {kind}" for name, kind in self.now.items() if name not in self.was]
        went = [f"− {name} {kind}" for name, kind in self.was.items() if name not in self.now]
        turned = [f"~ {name} {self.was[name]} → {self.now[name]}" for name in self.both if self.was[name] != self.now[name]]
        return (*came, *went, *turned)

    def side(self, rows: RowQuery) -> str:
        """Query: the columns that both versions have; a retyped one as text."""
        return f"select {', '.join(map(self._column, self.both))} from ({rows.query})"

    def _column(self, name: str) -> str:
        quoted = self.after.dialect.column(name)
        if self.now[name] == self.was[name] == "timestamp" and not self.after.dialect.is_spark:
            return f"{self.after.dialect.shown(quoted, 'timestamp')} as {quoted}"  # Spark's files hold times without their zone, delta-rs' with it
        return quoted if self.was[name] == self.now[name] else f"cast({quoted} as {self._text}) as {quoted}"

    def shown(self, value: str, name: str) -> str:
        """The expression `value` of the column `name` as it is told."""
        return self.after.dialect.shown(value, self.now[name]) if self.was[name] == self.now[name] else value

    @property
    def _text(self) -> str:
        return "string" if self.after.dialect.is_spark else "varchar"

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return self.reader.ask(self.after.dialect, query)


def _batches(pair: _Pair) -> dict[str, Any]:
    counts = "count(*), count(case when _op is distinct from 'd' then 1 end)"
    was, now = (
        {row[0]: row[1:] for row in pair.ask(f"select _batch_id, {counts} from ({side.query}) group by _batch_id")}
        for side in (pair.before, pair.after)
    )
    # A batch with rows before may merely lie in another file now; one that shares files with both is told by its counts.
    found = []
    for batch in sorted({*was, *now}):
        (rows, written), (old, old_written) = now.get(batch, (0, 0)), was.get(batch, (0, 0))
        if rows != old:
            found.append(
                Batch(
                    batch_id=batch,
                    rows=rows - old,
                    written=written - old_written,
                    deleted=rows - written - old + old_written,
                    is_new=batch not in was,
                )
            )
    added, removed = (sum(max(sign * one.rows, 0) for one in found) for sign in (1, -1))
    return {"state": "changed" if found or pair.columns else "same", "added": added, "removed": removed, "batches": tuple(found)}


def _rows(pair: _Pair, key: tuple[str, ...], rows: int, show: bool) -> dict[str, Any]:
    note = "has no key: rows that changed count as removed and added"
    if key and not set(key) <= set(pair.both):
        key, note = (), f"the key {', '.join(key)} is not in both: rows that changed count as removed and added"
    elif key and _repeats(pair, key):
        key, note = (), f"the key {', '.join(key)} is there more than once: rows that changed count as removed and added"
    if not key:
        return _unkeyed(pair, note)
    differ = {name: f"a.{_q(pair, name)} is distinct from b.{_q(pair, name)}" for name in pair.both if name not in key}
    business = [sql for name, sql in differ.items() if name not in STAMPS]
    both = "a._here and b._here"
    changed, technical = " or ".join(business) or "false", " or ".join(differ.values()) or "false"
    wanted = ["a._here is null", "b._here is null", f"{both} and ({changed})", f"{both} and ({technical}) and not ({changed})"]
    wanted += [f"{both} and {sql}" for sql in differ.values()]
    [counts] = pair.ask(f"select {', '.join(f'count(case when {each} then 1 end)' for each in wanted)} from {_joined(pair, key)}")
    added, removed, altered, restamped, *each = counts
    columns = {name: count for name, count in zip(differ, each, strict=True) if count}
    kinds = {"added": wanted[0], "changed": wanted[2], "removed": wanted[1]}
    picked = [
        one
        for kind, condition in kinds.items()
        for one in _examples(pair, key, kind=kind, condition=condition, differ=differ, rows=rows, show=show)
    ]
    state = "changed" if any((added, removed, altered, restamped)) or pair.columns else "same"
    return {
        "state": state,
        "key": key,
        "added": added,
        "changed": altered,
        "removed": removed,
        "restamped": restamped,
        "changed_columns": dict(sorted(columns.items(), key=lambda one: -one[1])),
        "examples": tuple(picked),
    }


def _unkeyed(pair: _Pair, note: str) -> dict[str, Any]:
    before, after = pair.side(pair.before), pair.side(pair.after)
    [(removed,)] = pair.ask(f"select count(*) from ({before} except all {after})")
    [(added,)] = pair.ask(f"select count(*) from ({after} except all {before})")
    state = "changed" if added or removed or pair.columns else "same"
    return {"state": state, "added": added, "removed": removed, "note": note}


def _q(pair: _Pair, name: str) -> str:
    return pair.after.dialect.column(name)


def _repeats(pair: _Pair, key: tuple[str, ...]) -> bool:
    named = ", ".join(_q(pair, name) for name in key)
    return any(
        pair.ask(f"select 1 from ({side.query}) group by {named} having count(*) > 1 limit 1") for side in (pair.before, pair.after)
    )


def _joined(pair: _Pair, key: tuple[str, ...]) -> str:
    a, b = (f"(select *, true as _here from ({pair.side(rows)}))" for rows in (pair.before, pair.after))
    same = " and ".join(f"a.{_q(pair, name)} is not distinct from b.{_q(pair, name)}" for name in key)
    return f"{a} as a full outer join {b} as b on {same}"


def _examples(
    pair: _Pair, key: tuple[str, ...], kind: str, condition: str, differ: Mapping[str, str], rows: int, show: bool
) -> list[Example]:
    if not rows:
        return []
    named = [pair.shown(f"coalesce(a.{_q(pair, name)}, b.{_q(pair, name)})", name) for name in key]
    values = [pair.shown(f"{side}.{_q(pair, name)}", name) for name in differ for side in "ab"] if show else []
    wanted = [*named, *differ.values(), *values]
    order = ", ".join(str(number + 1) for number in range(len(key)))
    found = pair.ask(f"select {', '.join(wanted)} from {_joined(pair, key)} where {condition} order by {order} limit {int(rows)}")
    kinds = [pair.now[name] for name in key] + [""] * len(differ) + [pair.now[name] for name in differ for _ in "ab" if show]
    return [_example(kind, key, tuple(differ), tuple(map(zoned, row, kinds))) for row in found]


def _example(kind: str, key: tuple[str, ...], columns: tuple[str, ...], row: tuple[Any, ...]) -> Example:
    names, rest = dict(zip(key, row, strict=False)), row[len(key) :]
    flags, values = rest[: len(columns)], rest[len(columns) :]
    differing = [n for n in range(len(columns)) if flags[n]] if kind == "changed" else []
    shown = {columns[n]: (values[2 * n], values[2 * n + 1]) for n in differing if values}
    return Example(kind, names, tuple(columns[n] for n in differing), shown)


def _held(settings: Settings, reader: Reader, before: Release, after: Release, table: str) -> tuple[int, int] | None:
    held = [one.held.get(table) for one in (before, after)]
    if held == [None, None]:
        return None
    name, place = f"quarantine.{table}", quarantine.location(settings, table)
    was, now = (_count(reader.open(name, place, one.version)) if one else 0 for one in held)
    return was, now


def _count(table: DeltaTable) -> int:
    import pyarrow as pa

    return sum(rows or 0 for rows in pa.table(table.get_add_actions(flatten=True)).column("num_records").to_pylist())
