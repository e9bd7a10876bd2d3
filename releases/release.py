"""Releases: readers see a layer only through views pinned to the versions that passed its gate.

A release is journalled in the ledger: *pending* with all its tables before the first view moves, *published* when readers see it.
One that was cut off in between is finished by the next command that looks. All its tables are seen from the same moment on: each
view is first made to hold the rows of both releases, then a switch for all of them is set (`view.py`), and when its moment is past
the views become plain again.
"""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from lakehouse.engines.catalog import LAYERS, PUBLISHED, thrift_rows
from lakehouse.errors import GateError, ReleaseError, ServerError
from lakehouse.settings import Settings
from lakehouse.tables import candidate, ledger, quarantine
from lakehouse.tables.quarantine import QuarantineState
from lakehouse.tables.records import ReleaseRecord
from lakehouse.tables.released import Release, current, history
from releases import glue, view


def judged(settings: Settings, layer: str) -> dict[str, int]:
    """Versions of the layer's last verdicts, if all of them passed and are about what the tables hold now.

    Raises:
        GateError: no verdict, one that is not a pass, or one for another version than the table's newest; a table that was built and
            has none, or that no release can show.
    """
    verdicts = [row for (name, _), row in ledger.latest(settings, "verdicts", "layer", "table_name").items() if name == layer]
    newest = {row["table_name"]: candidate.version(settings, layer, row["table_name"]) for row in verdicts}
    verdicts = [row for row in verdicts if newest[row["table_name"]] is not None]  # what is gone has nothing to show
    if layer != "bronze":
        _refuse_what_would_be_missing(settings, layer, {row["table_name"] for row in verdicts})
    if not verdicts:
        raise GateError(layer, "was never judged", remedy=f"Run make gate LAYER={layer}")
    bad = [f"{row['table_name']} {row['verdict']}" for row in verdicts if row["verdict"] != "passed"]
    if bad:
        raise GateError(layer, f"did not pass its gate: {', '.join(bad)}", remedy=f"Mend it and run make gate LAYER={layer}")
    moved = [(row["table_name"], row["delta_version"], newest[row["table_name"]]) for row in verdicts]
    late = [f"{table} was judged at version {was} and is at {now}" for table, was, now in moved if was != now]
    if late:
        raise GateError(layer, "; ".join(late), "a verdict for what is to be shown", f"Run make gate LAYER={layer}")
    return {table: was for table, was, _ in moved}


def _refuse_what_would_be_missing(settings: Settings, layer: str, judged: set[str]) -> None:
    built, odd = candidate.listed(settings, layer)
    if odd:
        told = "; ".join(f"{name} {reason}" for name, reason in sorted(odd.items()))
        raise GateError(layer, told, remedy=f"Then make gate LAYER={layer}")
    if missing := sorted(set(built) - judged):
        raise GateError(
            layer, f"{', '.join(missing)}: built, but not judged", "a verdict for each table", f"Run make gate LAYER={layer}"
        )


def publish(
    settings: Settings,
    layer: str,
    versions: dict[str, int],
    note: str = "",
    kind: str = "release",
    held: dict[str, QuarantineState] | None = None,
    run_id: int | None = None,
) -> Release:
    """Point the layer's views at `versions`; the same as what is current is no new release.

    A table of the release before that is not in `versions` loses its view only if its candidate is gone.

    Args:
        held: what of each bronze table is in quarantine; by default what is there now.
        run_id: of the run whose part it is.
    """
    recover(settings)
    before = current(settings, layer)
    if held is None:
        tables = versions if layer == "bronze" else ()
        held = {table: found for table in tables if (found := quarantine.held(settings, table))}
    if before and (before.tables, before.held) == (versions, held) and kind == "release":
        return before
    glue.refuse(settings, layer, versions)
    number = max((release.release_id for release in history(settings)), default=0) + 1
    release = Release(
        release_id=number, layer=layer, kind=kind, status="pending", tables=versions, note=note, held=held, run_id=run_id
    )
    _record(settings, release)
    return _finish(settings, release)


def rollback(settings: Settings, number: int, run_id: int | None = None) -> Release:
    """Show readers of release `number`'s layer that release again, as a new release.

    Raises:
        ReleaseError: there is no such published release, or it is what they see.
    """
    target = target_of(settings, number)
    now = current(settings, target.layer)
    if now and (now.tables, now.held) == (target.tables, target.held):
        raise ReleaseError(f"release {number}", f"is what readers of {target.layer} see already", remedy="See make releases")
    return publish(
        settings,
        target.layer,
        versions=target.tables,
        note=f"back to release {number}",
        kind="rollback",
        held=target.held,
        run_id=run_id,
    )


def target_of(settings: Settings, number: int) -> Release:
    """The published release `number`.

    Raises:
        ReleaseError: there is none.
    """
    found = {release.release_id: release for release in history(settings) if release.status == "published"}
    if number not in found:
        known = ", ".join(map(str, found))
        raise ReleaseError(f"release {number}", "does not exist", f"one of: {known}" if known else "", "See make releases")
    return found[number]


def recover(settings: Settings) -> list[Release]:
    """Finish releases that were cut off, before readers saw them or before their views were plain again."""
    finished = [_finish(settings, release) for release in history(settings) if release.status == "pending"]
    for layer in LAYERS:
        _settle(settings, layer)
    return finished


def _settle(settings: Settings, layer: str) -> None:
    """Make the views plain again once the moment is past: who meets a plain one is planned after it, and sees the same."""
    switch = _switch(settings, layer)
    if switch is None or switch.settled or switch.at == view.NEVER:
        return
    time.sleep(max(0.0, switch.waits()))
    made = next((release for release in history(settings, layer) if release.release_id == switch.release_id), None)
    if made is not None:
        _show(settings, layer, _moved(_before(settings, made), made))
        _set_switch(settings, layer, view.switched(switch.release_id, switch.at, settled=True))


def _finish(settings: Settings, release: Release) -> Release:
    before = _before(settings, release)
    moved = _moved(before, release)
    if before is None or len(moved) == 1:  # nothing to be seen beside it
        _show(settings, release.layer, moved)
    elif moved:
        _switch_over(settings, release, before, moved)
    done = Release(**(vars(release) | {"status": "published"}))
    _record(settings, done)
    _settle(settings, release.layer)
    return done


def _before(settings: Settings, release: Release) -> Release | None:
    earlier = [made for made in history(settings, release.layer) if made.release_id < release.release_id]
    return next((made for made in reversed(earlier) if made.status == "published"), None)


def _moved(before: Release | None, release: Release) -> dict[str, view.ReaderView]:
    """What is shown of those tables that the release before did not show so."""
    held = _shown(before) if before else {}
    return {table: shown for table, shown in _shown(release).items() if held.get(table) != shown}


def _shown(release: Release) -> dict[str, view.ReaderView]:
    """What readers of the release see of each table."""
    return {table: view.ReaderView(version, release.held.get(table)) for table, version in release.tables.items()}


def _switch_over(settings: Settings, release: Release, before: Release, moved: dict[str, view.ReaderView]) -> None:
    """Readers see all of `moved` from one moment on.

    Each wait is there for queries that have met a view or the switch as it was and are not planned yet.
    """
    layer, grace = release.layer, settings.release_grace
    switch = _switch(settings, layer)
    ours = switch is not None and switch.release_id == release.release_id and not switch.settled  # ids begin anew with a new lake
    odd: list[str] = []
    if switch is None or not ours or switch.at == view.NEVER:
        if not ours:
            _settle(settings, layer)
            _set_switch(settings, layer, view.switched(release.release_id, view.NEVER, settled=False))
        shown = _shown(before)
        views = {
            table: view.either(settings, layer, table=table, before=shown.get(table), after=each) for table, each in moved.items()
        }
        odd = [table for table, query in views.items() if query is None]
        view.replace(settings, PUBLISHED[layer], {table: query for table, query in views.items() if query})
        time.sleep(grace)
        at = _clock(settings) + timedelta(seconds=grace)
        _set_switch(settings, layer, view.switched(release.release_id, at, settled=False))
    if switch := _switch(settings, layer):
        time.sleep(max(0.0, switch.waits()))
    _show(settings, layer, {table: moved[table] for table in odd})


@dataclass(frozen=True)
class _Switch:
    """From when on readers see a release, and how late it is where the queries run."""

    release_id: int
    at: datetime
    settled: bool
    now: datetime

    def waits(self) -> float:
        """Seconds until the moment; negative when it is past."""
        return (self.at - self.now).total_seconds()


def _switch(settings: Settings, layer: str) -> _Switch | None:
    ask = f"select release_id, unix_micros(at), settled, unix_micros(current_timestamp()) from ops.{view.switch(layer)}"
    try:
        [(release, at, settled, now)] = thrift_rows(settings, ask)
    except ServerError as error:
        if "TABLE_OR_VIEW_NOT_FOUND" in str(error):
            return None
        raise
    return _Switch(release, _moment(at), settled, _moment(now))


def _clock(settings: Settings) -> datetime:
    return _moment(thrift_rows(settings, "select unix_micros(current_timestamp())")[0][0])


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def _show(settings: Settings, layer: str, tables: dict[str, view.ReaderView]) -> None:
    view.replace(settings, PUBLISHED[layer], {table: view.plain(settings, layer, table, one) for table, one in tables.items()})


def _set_switch(settings: Settings, layer: str, query: str) -> None:
    view.replace(settings, "ops", {view.switch(layer): query})


def _record(settings: Settings, release: Release) -> None:
    held = {table: asdict(one) for table, one in release.held.items()}
    made = ReleaseRecord(
        release_id=release.release_id,
        run_id=release.run_id,
        layer=release.layer,
        kind=release.kind,
        status=release.status,
        tables=json.dumps(release.tables, sort_keys=True),
        held=json.dumps(held, sort_keys=True) if held else None,
        note=release.note,
    )
    ledger.emit(settings, made)
