"""Where one row comes from: the release that shows it, the verdicts over it, and back through dbt's lineage to batches of bronze.

Only keys and technical columns are told, unless the whole row is asked for: a lake holds personal data.
"""

from dataclasses import replace
from typing import Any

from expectations.names import Name, key_of
from inspection import key as keys
from inspection.answer import Answer, How, Row, State, Step, Values
from inspection.finder import LIMIT, Finder
from inspection.history import History
from inspection.lineage import Parent, parents
from inspection.reader import Reader
from lakehouse import dbt
from lakehouse.errors import ReleaseError, SettingsError
from lakehouse.settings import Settings
from lakehouse.tables import candidate
from lakehouse.tables.types import spark_types

_FOLLOWED = 3  # of several rows that carry a key: enough to see where such rows come from


class Tracer:
    """Explains rows."""

    def __init__(self, settings: Settings, reader: Reader, show: bool = False) -> None:
        self._settings = settings
        self._manifest = dbt.manifest(settings)
        self._finder = Finder(settings, reader, show)
        self._past = History(settings, self._finder)

    def explain(self, name: Name, text: str) -> Answer:
        """All that is known of the row of `name` whose key is `text`.

        Raises:
            SettingsError: the table has no key, or `text` is none of its keys.
            ReleaseError: the version that readers see can't be read.
        """
        layer, table = name
        columns = key_of(self._settings, layer, table)
        if not columns:
            raise SettingsError(
                ".".join(name), "has no key", "columns that name a row", "Set unique_key in its model, or a uniqueness check"
            )
        newest = candidate.version(self._settings, layer, table)
        assert newest is not None  # resolve found it
        types = spark_types(self._finder.open(name, newest))
        if missing := [column for column in columns if column not in types]:
            raise SettingsError(".".join(name), f"has no column {missing[0]}", f"its key, {', '.join(columns)}", "Build it again")
        key = keys.read(text, columns, types)
        if layer == "bronze":
            return self._of_bronze(name, key)
        return self._of_model(name, key, newest)

    # -- a table that dbt builds ------------------------------------------------------------------------------------

    def _of_model(self, name: Name, key: Values, newest: int) -> Answer:
        current = self._finder.current(name[0])
        version = current.tables.get(name[1]) if current else None
        raw = self._finder.one(name, version, key) if version is not None else None
        if raw is None or current is None or version is None:
            return self._absent(name, key, version, newest)
        row = self._finder.row(raw, tuple(key))
        since, oldest_version = self._past.since(name, key, raw, current)
        steps = self._trace(name, raw, tuple(key), 0)
        said = f"marked deleted by batch {raw.get('_batch_id')}" if raw.get("_is_deleted") is True else ""
        if any(
            step.rows[0].held and not step.rows[0].is_back for step in _direct(steps, key) if step.layer == "bronze" and step.rows
        ):
            said = "a newer version of it waits in quarantine"
        return Answer(
            layer=name[0],
            table=name[1],
            key=key,
            state="shown",
            said=said,
            release=self._past.seen(current),
            version=version,
            row=row,
            same_since=since,
            verdicts=self._past.verdicts(name, oldest_version, version),
            built=self._past.built(name, oldest_version),
            steps=steps,
            batches=self._past.of_batches(steps),
        )

    def _absent(self, name: Name, key: Values, version: int | None, newest: int) -> Answer:
        raw = self._finder.one(name, newest, key) if newest != version else None
        steps = self._trace(name, raw or key, tuple(key), 0)
        last, batches = self._past.last_shown(name, key), self._past.of_batches(steps)
        if raw is not None:
            verdicts = self._past.verdicts(name, newest, newest)
            word = verdicts[0]["verdict"] if verdicts else "not judged"
            said = f"it is in version {newest} of the candidate, which no release shows: {word}"
            return Answer(
                layer=name[0],
                table=name[1],
                key=key,
                state="unreleased",
                said=said,
                version=newest,
                row=self._finder.row(raw, tuple(key)),
                last_shown=last,
                verdicts=verdicts,
                built=self._past.built(name, newest),
                steps=steps,
                batches=batches,
            )
        state, said = self._lost(name, steps, key)
        return Answer(*name, key, state, said, last_shown=last, steps=steps, batches=batches)

    def _lost(self, name: Name, steps: tuple[Step, ...], key: Values) -> tuple[State, str]:
        """Where a row that its own table lacks was lost: told by the tables that are asked for its very key, the nearest first."""
        direct = _direct(steps, key)
        for step in direct:
            if step.layer == "bronze" and step.rows:
                return self._lost_after_bronze(step)
            if step.layer != "bronze" and step.rows:
                last = step.rows[0]
                if last.technical.get("_is_deleted") is True:
                    return "deleted", f"{step.layer}.{step.table} marks it deleted by batch {last.technical.get('_batch_id')}"
                return "left out", (
                    f"{step.layer}.{step.table} has it; the model of {name[1]} leaves it out, or was not built since: run make {name[0]}"
                )
        if not direct:
            return "unknown", "its model makes this key or sums rows up, so what it is made of can't be asked by it"
        return "never seen", "nothing that it is made of has this key"

    def _lost_after_bronze(self, step: Step) -> tuple[State, str]:
        newest = step.rows[0]
        batch = newest.technical.get("_batch_id")
        if newest.held and not newest.is_back:
            return "quarantined", f"batch {batch} brought it, and {newest.held} keeps it in quarantine.{step.table}"
        if newest.technical.get("_op") == "d":
            return "deleted", f"batch {batch} of bronze.{step.table} found it gone from the source"
        if not self._past.is_released(step.table, int(batch or 0)):
            return "not yet", f"batch {batch} brought it to bronze.{step.table} and was not released yet: run make run"
        return "not yet", f"batch {batch} brought it to bronze.{step.table}; silver was not built or released since: run make run"

    # -- bronze, which is history -----------------------------------------------------------------------------------

    def _of_bronze(self, name: Name, key: Values) -> Answer:
        step = self._step(Parent(*name), key, 0, "key")
        steps, batches = (step,), self._past.of_batches((step,))
        current = self._finder.current("bronze")
        version = current.tables.get(name[1]) if current else None
        if not step.rows:
            return Answer(*name, key, "never seen", "no batch brought this key", steps=steps, batches=batches)
        state, said = self._lost_after_bronze(step)
        verdicts = self._past.verdicts(name, 0, version if version is not None else step.version or 0)
        if state == "not yet" and self._past.is_released(name[1], int(step.rows[0].technical["_batch_id"] or 0)):
            state, said = "shown", "bronze is history: readers see each version of it that is not in quarantine"
        seen = self._past.seen(current) if current and state == "shown" else None
        return Answer(
            layer=name[0],
            table=name[1],
            key=key,
            state=state,
            said=said,
            release=seen,
            version=version,
            row=step.rows[0],
            verdicts=verdicts,
            steps=steps,
            batches=batches,
        )

    # -- back through the tables that it is made of -----------------------------------------------------------------

    def _trace(self, name: Name, row: Values, key: tuple[str, ...], depth: int) -> tuple[Step, ...]:
        found: list[Step] = []
        for parent in parents(self._manifest, name):
            here = (parent.layer, parent.table)
            named = key_of(self._settings, *here)
            if named and all(row.get(column) is not None for column in named):
                step = self._step(parent, {column: row[column] for column in named}, depth, "key")
            elif set(key) <= self._finder.columns(here):
                step = self._step(parent, {column: row[column] for column in key}, depth, "carries")
            else:
                said = f"by {', '.join(named)}" if named else "without a key"
                found.append(self._blind(parent, depth, f"its rows are named {said}, which this row does not carry"))
                continue
            found.append(step)
            if parent.layer != "bronze":
                found += _merged([self._follow(here, row, named, depth + 1) for row in step.rows[:_FOLLOWED]])
                if not step.rows and step.how == "key":
                    found += self._trace(here, row, key, depth + 1)
        return tuple(found)

    def _follow(self, here: Name, row: Row, named: tuple[str, ...], depth: int) -> tuple[Step, ...]:
        version = self._finder.version(here)
        raw = self._finder.one(here, version, row.key) if version is not None and row.key else None
        return self._trace(here, raw, named, depth) if raw else ()

    def _step(self, parent: Parent, where: Values, depth: int, how: How) -> Step:
        name = (parent.layer, parent.table)
        version = self._finder.version(name)
        if version is None:
            return self._blind(parent, depth, "is not there")
        types = spark_types(self._finder.open(name, version))
        if not set(where) <= set(types):
            return self._blind(parent, depth, f"has no column {', '.join(sorted(set(where) - set(types)))}")
        try:
            raws = self._finder.find(name, version, where, types)
        except ReleaseError as error:
            return self._blind(parent, depth, str(error))
        held = self._finder.held(parent.table, where) if parent.layer == "bronze" else {}
        named = key_of(self._settings, *name) or tuple(where)
        rows = [self._finder.row(raw, named, held.get((raw.get("_batch_id"), *(raw[each] for each in named)), "")) for raw in raws]
        if parent.layer != "bronze":  # of bronze the newest stays first
            rows.sort(key=lambda row: keys.told(row.key))
        note = "" if rows else "has no such row"
        return Step(
            depth=depth,
            layer=parent.layer,
            table=parent.table,
            version=version,
            how=how,
            asked=tuple(where),
            through=parent.through,
            rows=tuple(rows[:LIMIT]),
            more=len(rows) > LIMIT,
            note=note,
        )

    def _blind(self, parent: Parent, depth: int, note: str) -> Step:
        return Step(
            depth=depth, layer=parent.layer, table=parent.table, version=None, how="unknown", through=parent.through, note=note
        )


def _direct(steps: tuple[Step, ...], key: Values) -> list[Step]:
    """The steps that were asked for the very key, else for rows that carry it; the nearest first."""
    found = [step for step in steps if step.how == "key" and set(step.asked) <= set(key)]
    return sorted(found or [step for step in steps if step.how == "carries"], key=lambda step: step.depth)


def _merged(ways: list[tuple[Step, ...]]) -> list[Step]:
    """The steps of rows that were followed one by one, those at the same table as one."""
    found: dict[tuple[Any, ...], Step] = {}
    for step in (each for way in ways for each in way):
        same = (step.depth, step.layer, step.table)
        known = found.get(same)
        new = tuple(row for row in step.rows if known is None or row not in known.rows)
        found[same] = replace(known, rows=known.rows + new, more=known.more or step.more) if known else step
    return list(found.values())
