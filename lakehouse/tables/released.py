"""What was released: the ledger's records of it, which all may read; `releases` makes them."""

import json
from dataclasses import dataclass, field

from lakehouse.settings import Settings
from lakehouse.tables import ledger
from lakehouse.tables.quarantine import QuarantineState


@dataclass(frozen=True)
class Release:
    """A layer's tables, each pinned to a Delta version."""

    release_id: int
    layer: str
    kind: str  # release | rollback
    status: str  # pending | published
    tables: dict[str, int]
    note: str
    held: dict[str, QuarantineState] = field(default_factory=dict)  # of bronze: the quarantine that readers don't see
    run_id: int | None = None  # None of those that an earlier version of Comporta made


def history(settings: Settings, layer: str | None = None) -> list[Release]:
    """Releases in their last known state, oldest first."""
    found = ledger.latest(settings, "releases", "release_id").values()
    releases = [_read(row) for row in found if layer in (None, row["layer"])]
    return sorted(releases, key=lambda release: release.release_id)


def _read(row: dict[str, object]) -> Release:
    names = ("release_id", "layer", "kind", "status", "note", "run_id")
    held = {
        table: QuarantineState(said["version"], tuple(said["key"])) for table, said in json.loads(str(row["held"] or "{}")).items()
    }
    return Release(**{name: row[name] for name in names}, tables=json.loads(str(row["tables"])), held=held)  # type: ignore[arg-type]


def current(settings: Settings, layer: str) -> Release | None:
    """What readers of `layer` see."""
    done = [release for release in history(settings, layer) if release.status == "published"]
    return done[-1] if done else None


def published(settings: Settings, layer: str) -> dict[str, int]:
    """Table name to Delta version, as readers of `layer` see them; empty before the first release."""
    release = current(settings, layer)
    return release.tables if release else {}
