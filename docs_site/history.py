"""Runs and releases: a state machine each in the ledger, one line each on the page."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from docs_site.page import Instant, ReleaseRow, RunRow
from docs_site.words import ago

Row = Mapping[str, Any]
_SHOWN = 20


def runs(rows: Iterable[Row], now: datetime) -> tuple[RunRow, ...]:
    """The last 20 runs, newest first; `rows` come oldest first and the last of a run is its state."""
    states: dict[int, list[Row]] = {}
    for row in rows:
        states.setdefault(row["run_id"], []).append(row)
    started = sorted(states.values(), key=lambda own: own[0]["at"], reverse=True)
    return tuple(_run(own, now, newest=index == 0) for index, own in enumerate(started[:_SHOWN]))


def _run(own: list[Row], now: datetime, newest: bool) -> RunRow:
    first, last = own[0], own[-1]
    # Runs exclude each other, so one that is still "running" behind a newer one died without a word.
    status = "broken off" if last["status"] == "running" and not newest else last["status"]
    # A run that wrote one row only, at its end, began `seconds` before it; close enough not to matter here.
    started = Instant(first["at"], ago(first["at"], now))
    return RunRow(
        run_id=last["run_id"],
        command=last["command"],
        status=status,
        rows=last["rows"],
        seconds=last["seconds"],
        detail=last["detail"] or "",
        started=started,
    )


def releases(rows: Iterable[Row], now: datetime) -> tuple[ReleaseRow, ...]:
    """Every release, newest first by number, each layer's newest published one marked current.

    By number, not by time: a release that was left pending and finished later does not overtake its successor.
    """
    states = {(row["layer"], row["release_id"]): row for row in rows}
    found = sorted((_release(row, now) for row in states.values()), key=lambda release: release.release_id)
    current = {release.layer: release.release_id for release in found if release.status == "published"}
    marked = [
        replace(
            release,
            current=current.get(release.layer) == release.release_id,
            restores=_restores(release, found[:index]),
        )
        for index, release in enumerate(found)
    ]
    return tuple(reversed(marked))


def _release(row: Row, now: datetime) -> ReleaseRow:
    tables = json.loads(row["tables"] or "{}")
    at = Instant(row["at"], ago(row["at"], now))
    return ReleaseRow(
        release_id=row["release_id"],
        layer=row["layer"],
        kind=row["kind"],
        status=row["status"],
        tables=tables,
        note=row["note"] or "",
        at=at,
    )


def _restores(release: ReleaseRow, earlier: list[ReleaseRow]) -> int | None:
    """The newest plain release whose versions a rollback published again."""
    if release.kind != "rollback":
        return None
    same = [old for old in earlier if old.kind == "release" and old.layer == release.layer and old.tables == release.tables]
    return same[-1].release_id if same else None
