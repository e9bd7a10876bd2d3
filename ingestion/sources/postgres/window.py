"""Windows: which rows of a table a batch takes. Pure; no I/O.

A batch takes every row version that the snapshot of the batch before could not see. `xmin`, the transaction that wrote
a row version, tells exactly: whatever was written by a transaction at or above the oldest one then open is new, however
late it committed. A cursor column is honoured back to the start of that oldest transaction; the overlap that both
ways read twice is removed by key.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from lakehouse.engines.standard import literal, quote

CURSOR_TYPES = ("timestamptz", "timestamp", "date")  # that tell when a row was written

# Halfway round the 32-bit circle of transaction ids nothing can be told apart any more; leave as much again as margin.
MAX_XID_DISTANCE = 2**30


@dataclass(frozen=True)
class Snapshot:
    """The moment that a run reads.

    Attributes:
        name: for other connections to join; None if they can't.
        horizon: oldest transaction still open, as a 64-bit id: everything below is visible or rolled back.
        next_xid: first id not yet given out.
        oldest_start: when the oldest open transaction began, ISO, the snapshot's own included; None if this user or
            this server (a replica) can't tell.
        system: identity of the cluster; another one is another history. None if this server does not say.
        lsn: position of its write-ahead log; None if this server does not say.
        timeline: number of the history within the cluster; a promotion or a recovery from an archive begins a new one. None if
            this server does not say.
    """

    name: str | None
    horizon: int
    next_xid: int
    oldest_start: str | None
    system: str | None
    lsn: int | None
    timeline: int | None
    clock: float = 0.0  # the source's, seconds since 1970


@dataclass(frozen=True)
class Window:
    """How far bronze has got with a table; kept in the batch's Delta commit, so it moves with the rows or not at all.

    Attributes:
        cursor: `xmin` or a column.
        horizon: see `Snapshot`; rows written at or above it are read next time.
        since: for a column: read again from here.
        live: rows of the source at the snapshot; None if they were not counted.
        system, timeline: see `Snapshot`, as they were last known; None if they never were.
        zone: of a column of times without one.
    """

    batch_id: int
    cursor: str
    horizon: int
    since: str
    system: str | None
    live: int | None = None
    timeline: int | None = None
    zone: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    def counted(self, live: int | None) -> "Window":
        """The same window with the source's rows counted."""
        return replace(self, live=live)

    def continued(self, batch_id: int) -> "Window":
        """The same window under another batch, which read something besides."""
        return replace(self, batch_id=batch_id)


def next_window(batch_id: int, cursor: str, snapshot: Snapshot, seen: Window | None = None, zone: str = "") -> Window:
    """Where the batch after this one begins; a cursor whose horizon can't be told does not advance."""
    same = seen is not None and (seen.cursor, seen.zone) == (cursor, zone)
    since = snapshot.oldest_start or (seen.since if seen and same else "-infinity")
    system = snapshot.system or (seen.system if seen else None)
    timeline = snapshot.timeline or (seen.timeline if seen else None)
    return Window(
        batch_id=batch_id, cursor=cursor, horizon=snapshot.horizon, since=since, system=system, timeline=timeline, zone=zone
    )


def reread_reason(seen: Window, cursor: str, snapshot: Snapshot, zone: str = "") -> str | None:
    """Why the table must be read whole again; None if the window holds."""
    if None not in (seen.system, snapshot.system) and seen.system != snapshot.system:
        return f"the source is another cluster now ({snapshot.system}, was {seen.system})"
    if None not in (seen.timeline, snapshot.timeline) and seen.timeline != snapshot.timeline:
        return f"the source was promoted or restored (timeline {snapshot.timeline}, was {seen.timeline})"
    if snapshot.next_xid < seen.horizon:
        return "the source's transaction ids went back: it was restored from a backup"
    if cursor == "xmin" and snapshot.next_xid - seen.horizon > MAX_XID_DISTANCE:
        return "more than 2^30 transactions since the last batch"
    if seen.cursor != cursor:
        return f"the cursor changed from {seen.cursor} to {cursor}"
    if seen.zone != zone:
        return f"{cursor} is read as times of {zone} now{f', was {seen.zone}' if seen.zone else ''}"
    return None


def written_since(seen: Window) -> str:
    """Condition that holds for row versions that the snapshot of `seen` did not see (and for some that it saw)."""
    # A frozen row of more than 2^31 transactions ago has a negative age.
    return f"age(xmin) between 0 and age('{seen.horizon % 2**32}'::xid)"


# A clock that is set back (the end of summer time) shows an hour twice: what is written after a moment may bear a time before it.
_SET_BACK = "interval '2 hours'"


def bound(type_name: str, since: str, zone: str = "") -> str:
    """The least value of a cursor column of `type_name` that a row written at `since` or later can bear, as PostgreSQL's expression.

    Args:
        type_name: of `CURSOR_TYPES`.
        zone: whose clock fills a column of times without zone.
    """
    moment = f"timestamptz {literal(since)}"
    if type_name == "timestamp":
        local = f"({moment} at time zone {literal(zone)})"
        return local if zone.upper() in ("UTC", "ETC/UTC") else f"({local} - {_SET_BACK})"
    if type_name == "date":  # the day before covers whichever zone's day it is
        return f"(({moment} at time zone 'UTC')::date - 1)"
    return f"({moment})"


def condition(seen: Window, nullable: bool, type_name: str = "timestamptz") -> str:
    """Condition of the rows to read after `seen`.

    Args:
        nullable: the cursor column may be null; such rows are read every time, since nothing tells when they changed.
        type_name: the cursor column's.
    """
    if seen.cursor == "xmin":
        return written_since(seen)
    column = quote(seen.cursor)
    return f"({column} >= {bound(type_name, seen.since, seen.zone)}" + (f" or {column} is null)" if nullable else ")")


def both(*conditions: str) -> str:
    """`conditions` joined by and; empty ones are left out."""
    return " and ".join(part for part in conditions if part)
