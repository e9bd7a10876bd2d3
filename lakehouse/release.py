"""Releases: readers see a layer only through views pinned to the versions that passed its gate.

A release is journalled in the ledger: *pending* with all its tables before the first view moves, *published* after the
last. One that was cut off in between is finished by the next command that looks.
"""

import json
from dataclasses import asdict, dataclass, field

from lakehouse import candidate, ledger, quarantine, storage
from lakehouse.catalog import CANDIDATE, LAYERS, PUBLISHED, quote, thrift_rows
from lakehouse.errors import GateError, ReleaseError
from lakehouse.quarantine import Held
from lakehouse.settings import Settings


@dataclass(frozen=True)
class Release:
    """A layer's tables, each pinned to a Delta version."""

    release_id: int
    layer: str
    kind: str  # release | rollback
    status: str  # pending | published
    tables: dict[str, int]
    note: str
    held: dict[str, Held] = field(default_factory=dict)  # of bronze: the quarantine that readers don't see


def history(settings: Settings, layer: str | None = None) -> list[Release]:
    """Releases in their last known state, oldest first."""
    found = ledger.latest(settings, "releases", "release_id").values()
    releases = [_read(row) for row in found if layer in (None, row["layer"])]
    return sorted(releases, key=lambda release: release.release_id)


def _read(row: dict[str, object]) -> Release:
    names = ("release_id", "layer", "kind", "status", "note")
    held = {table: Held(said["version"], tuple(said["key"])) for table, said in json.loads(str(row["held"] or "{}")).items()}
    return Release(**{name: row[name] for name in names}, tables=json.loads(str(row["tables"])), held=held)  # type: ignore[arg-type]


def current(settings: Settings, layer: str) -> Release | None:
    """What readers of `layer` see."""
    done = [release for release in history(settings, layer) if release.status == "published"]
    return done[-1] if done else None


def published(settings: Settings, layer: str) -> dict[str, int]:
    """Table name to Delta version, as readers of `layer` see them; empty before the first release."""
    release = current(settings, layer)
    return release.tables if release else {}


def judged(settings: Settings, layer: str) -> dict[str, int]:
    """Versions of the layer's last verdicts, if all of them passed and are about what the tables hold now.

    Raises:
        GateError: no verdict, one that is not a pass, or one for another version than the table's newest.
    """
    verdicts = [row for (name, _), row in ledger.latest(settings, "verdicts", "layer", "table_name").items() if name == layer]
    newest = {row["table_name"]: candidate.version(settings, layer, row["table_name"]) for row in verdicts}
    verdicts = [row for row in verdicts if newest[row["table_name"]] is not None]  # what is gone has nothing to show
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


def publish(
    settings: Settings,
    layer: str,
    versions: dict[str, int],
    note: str = "",
    kind: str = "release",
    held: dict[str, Held] | None = None,
) -> Release:
    """Point the layer's views at `versions`; the same as what is current is no new release.

    A table of the release before that is not in `versions` loses its view only if its candidate is gone.

    Args:
        held: what of each bronze table is in quarantine; by default what is there now.
    """
    recover(settings)
    before = current(settings, layer)
    if held is None:
        tables = versions if layer == "bronze" else ()
        held = {table: found for table in tables if (found := quarantine.held(settings, table))}
    if before and (before.tables, before.held) == (versions, held) and kind == "release":
        return before
    number = max((release.release_id for release in history(settings)), default=0) + 1
    release = Release(number, layer, kind, "pending", versions, note, held)
    _record(settings, release)
    return _finish(settings, release)


def rollback(settings: Settings, number: int) -> Release:
    """Show readers of release `number`'s layer that release again, as a new release.

    Raises:
        ReleaseError: there is no such published release, or it is what they see.
    """
    found = {release.release_id: release for release in history(settings) if release.status == "published"}
    if number not in found:
        known = ", ".join(map(str, found)) or "none yet"
        raise ReleaseError(f"release {number}", "does not exist", f"one of: {known}", "See make releases")
    target = found[number]
    now = current(settings, target.layer)
    if now and (now.tables, now.held) == (target.tables, target.held):
        raise ReleaseError(f"release {number}", f"is what readers of {target.layer} see already", remedy="See make releases")
    return publish(settings, target.layer, target.tables, f"back to release {number}", "rollback", target.held)


def recover(settings: Settings) -> list[Release]:
    """Finish releases that were cut off between their journal entry and their last view."""
    return [_finish(settings, release) for release in history(settings) if release.status == "pending"]


def _finish(settings: Settings, release: Release) -> Release:
    statements = [_view(settings, release, table, version) for table, version in sorted(release.tables.items())]
    if statements:
        thrift_rows(settings, *statements)
    done = Release(**(vars(release) | {"status": "published"}))
    _record(settings, done)
    return done


def _view(settings: Settings, release: Release, table: str, version: int) -> str:
    rows = f"select * from {quote(CANDIDATE[release.layer], table)} version as of {int(version)}"
    if held := release.held.get(table):
        kept = f"delta.{quote(storage.for_spark(quarantine.location(settings, table)))} version as of {held.version}"
        same = " and ".join(f"q.{quote(name)} <=> c.{quote(name)}" for name in ("_batch_id", *held.key))
        rows = f"select c.* from ({rows}) as c left anti join (select * from {kept}) as q on {same}"
    return f"create or replace view {quote(PUBLISHED[release.layer], table)} as {rows}"


def _record(settings: Settings, release: Release) -> None:
    held = {table: asdict(one) for table, one in release.held.items()}
    said = {"tables": json.dumps(release.tables, sort_keys=True), "held": json.dumps(held, sort_keys=True) if held else None}
    ledger.append(settings, "releases", [vars(release) | said])


def check_layer(layer: str) -> str:
    """`layer` if it is one.

    Raises:
        ReleaseError: it is none.
    """
    if layer not in LAYERS:
        raise ReleaseError(f"layer {layer!r}", "does not exist", " or ".join(LAYERS))
    return layer
