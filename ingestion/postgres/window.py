"""Windows: which rows of a table a batch takes. Pure; no I/O.

A batch takes every row version that the snapshot of the batch before could not see. `xmin`, the transaction that wrote
a row version, tells exactly: whatever was written by a transaction at or above the oldest one then open is new, however
late it committed. A cursor column is honoured back to the start of that oldest transaction; the overlap that both
ways read twice is removed by key.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from ingestion.postgres.types import literal, quote

# Halfway round the 32-bit circle of transaction ids nothing can be told apart any more; leave as much again as margin.
MAX_XID_DISTANCE = 2**30


@dataclass(frozen=True)
class Snapshot:
    """The moment that a run reads.

    Attributes:
        horizon: oldest transaction still open, as a 64-bit id: everything below is visible or rolled back.
        next_xid: first id not yet given out.
        oldest_start: when the oldest open transaction began, ISO, the snapshot's own included; None if this user or
            this server (a replica) can't tell.
        system: identity of the cluster; another one is another history.
        timeline: number of the history within the cluster; a promotion or a recovery from an archive begins a new one.
    """

    name: str
    horizon: int
    next_xid: int
    oldest_start: str | None
    system: str
    lsn: int
    timeline: int
    clock: float = 0.0  # the source's, seconds since 1970


@dataclass(frozen=True)
class Window:
    """How far bronze has got with a table; kept in the batch's Delta commit, so it moves with the rows or not at all.

    Attributes:
        cursor: `xmin` or a column.
        horizon: see `Snapshot`; rows written at or above it are read next time.
        since: for a column: read again from here.
        live: rows of the source at the snapshot; None if they were not counted.
        timeline: see `Snapshot`; None in windows that were noted before it was.
    """

    batch_id: int
    cursor: str
    horizon: int
    since: str
    system: str
    live: int | None = None
    timeline: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    def counted(self, live: int | None) -> "Window":
        """The same window with the source's rows counted."""
        return replace(self, live=live)

    def continued(self, batch_id: int) -> "Window":
        """The same window under another batch, which read something besides."""
        return replace(self, batch_id=batch_id)


def next_window(batch_id: int, cursor: str, snapshot: Snapshot, seen: Window | None = None) -> Window:
    """Where the batch after this one begins; a cursor whose horizon can't be told does not advance."""
    since = snapshot.oldest_start or (seen.since if seen and seen.cursor == cursor else "-infinity")
    return Window(batch_id, cursor, snapshot.horizon, since, snapshot.system, timeline=snapshot.timeline)


def reread_reason(seen: Window, cursor: str, snapshot: Snapshot) -> str | None:
    """Why the table must be read whole again; None if the window holds."""
    if seen.system != snapshot.system:
        return f"the source is another cluster now ({snapshot.system}, was {seen.system})"
    if seen.timeline not in (None, snapshot.timeline):
        return f"the source was promoted or restored (timeline {snapshot.timeline}, was {seen.timeline})"
    if snapshot.next_xid < seen.horizon:
        return "the source's transaction ids went back: it was restored from a backup"
    if cursor == "xmin" and snapshot.next_xid - seen.horizon > MAX_XID_DISTANCE:
        return "more than 2^30 transactions since the last batch"
    if seen.cursor != cursor:
        return f"the cursor changed from {seen.cursor} to {cursor}"
    return None


def written_since(seen: Window) -> str:
    """Condition that holds for row versions that the snapshot of `seen` did not see (and for some that it saw)."""
    return f"age(xmin) <= age('{seen.horizon % 2**32}'::xid)"


def condition(seen: Window, nullable: bool) -> str:
    """Condition of the rows to read after `seen`.

    Args:
        nullable: the cursor column may be null; such rows are read every time, since nothing tells when they changed.
    """
    if seen.cursor == "xmin":
        return written_since(seen)
    column = quote(seen.cursor)
    return f"({column} >= {literal(seen.since)}" + (f" or {column} is null)" if nullable else ")")


def both(*conditions: str) -> str:
    """`conditions` joined by and; empty ones are left out."""
    return " and ".join(part for part in conditions if part)
