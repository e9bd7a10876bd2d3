"""The moment that a run reads: its snapshot, and what tells it from other moments of other histories.

Beyond plain SQL nothing is counted on: managed servers refuse functions, poolers and clusters can't share a snapshot.
What can't be asked is None, and `unknown` says what is then not noticed.
"""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from ingestion.sources.postgres.connect import Source
from ingestion.sources.postgres.refusal import FULL, passing, state_at_start
from ingestion.sources.postgres.window import Snapshot

# Before the snapshot is taken: whoever begins later began after this statement, which counts itself.
# A transaction that has written nothing yet may still stamp rows with its start; what prepared ones began with is unknown.
_OLDEST = """
select case when pg_catalog.pg_has_role('pg_read_all_stats', 'usage') and not pg_catalog.pg_is_in_recovery()
                 and not exists (select from pg_catalog.pg_prepared_xacts)
            then (select pg_catalog.to_char(pg_catalog.min(xact_start) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"+00"')
                  from pg_catalog.pg_stat_activity) end
"""
_MOMENT = """
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
       extract(epoch from clock_timestamp())::float8
"""
_SYSTEM = "(select system_identifier::text from pg_control_system())"
_LSN = "case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end - '0/0'::pg_lsn"
# A replica notes a new timeline at its next restart point only; who streams from a promoted server is told at once.
_TIMELINES = (
    "case when not pg_is_in_recovery() then ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end",
    "case when pg_is_in_recovery() then (select received_tli from pg_stat_wal_receiver) end",
    "(select timeline_id from pg_control_checkpoint())",
)


@dataclass(frozen=True)
class Origin:
    """The source in the moment of a run.

    Attributes:
        source: in the transaction that the run is planned in.
        dsn: for more connections; secret.
        snapshot: for them to join; None if they can't.
    """

    source: Source
    dsn: str
    snapshot: str | None


def take_snapshot(source: Source, share: bool = True) -> Snapshot:
    """Begin a transaction, and export its snapshot for tasks to join while the connection stays open.

    Args:
        share: whether tasks are to join; without, and where the server can't, the snapshot has no name.
    """
    oldest = _oldest(source)
    source.begin()
    name = _export(source) if share else None
    with source.cursor() as cursor:
        cursor.execute(_MOMENT)
        horizon, following, clock = cursor.fetchone() or ()
    told = _ask(source, _SYSTEM, _LSN, f"greatest({', '.join(_TIMELINES)})")
    if told is None:
        asked = [_ask(source, one) for one in (_SYSTEM, _LSN, *_TIMELINES)]
        system, lsn, *timelines = [one[0] if one else None for one in asked]
        told = (system, lsn, max((each for each in timelines if each is not None), default=None))
    system, lsn, timeline = told
    return Snapshot(
        name=name,
        horizon=horizon,
        next_xid=following,
        oldest_start=oldest,
        system=system,
        lsn=None if lsn is None else int(lsn),
        timeline=timeline,
        clock=clock,
    )


def can_join(dsn: str, snapshot: Snapshot) -> bool:
    """Whether a second connection sees the snapshot: behind a pooler or a reader's address it may be on another server."""
    if snapshot.name is None:
        return False
    try:
        with closing(psycopg2.connect(dsn)) as other:
            other.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
            with other.cursor() as cursor:
                cursor.execute("set transaction snapshot %s", (snapshot.name,))
        return True
    except psycopg2.Error as error:
        state = error.pgcode or state_at_start(dsn)
        if passing(state) and state != FULL:  # nothing is known but that the server is away; a role may have one connection only
            raise
        return False


def unknown(snapshot: Snapshot) -> list[str]:
    """What this server does not tell this user, and what is not noticed for it."""
    lines = {
        "cursor columns do not advance, since it can't be seen when open transactions began (grant pg_read_all_stats)": (
            snapshot.oldest_start
        ),
        "another cluster under the same address is noticed by its transaction ids and tables only (pg_control_system)": snapshot.system,
        "a promotion or a recovery to a point in time may pass unseen (pg_walfile_name, pg_control_checkpoint)": snapshot.timeline,
        "_source_lsn stays empty (pg_current_wal_lsn)": snapshot.lsn,
        "one connection reads all tables, since no other can join its snapshot (pg_export_snapshot)": snapshot.name,
    }
    return [line for line, value in lines.items() if value is None]


def _oldest(source: Source) -> str | None:
    try:
        return str(found) if (found := source.aside(_OLDEST)[0]) else None
    except psycopg2.Error:
        if source.closed:
            raise
        return None


def _export(source: Source) -> str | None:
    """The snapshot's name. Not under a savepoint, from which none can be exported: a refusal costs the transaction."""
    try:
        with source.cursor() as cursor:
            cursor.execute("select pg_export_snapshot()")
            return str((cursor.fetchone() or ("",))[0])
    except psycopg2.Error:
        if source.closed:
            raise
        source.begin()
        return None


def _ask(source: Source, *expressions: str) -> tuple[Any, ...] | None:
    """Values of expressions, None if any of them is refused."""
    with source.cursor() as cursor:
        cursor.execute("savepoint asked")
        try:
            cursor.execute(f"select {', '.join(expressions)}")
            found: tuple[Any, ...] | None = cursor.fetchone()
        except psycopg2.Error:
            if source.closed:
                raise
            cursor.execute("rollback to savepoint asked")
            return None
        cursor.execute("release savepoint asked")
        return found
