"""One ingestion run: every chosen table, of one moment, into bronze; each table one Delta transaction."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from psycopg2.extensions import connection as Connection

from ingestion import source as source_file
from ingestion.postgres.bronze import Bronze, File, arrow_schema
from ingestion.postgres.connect import open_source, prepare
from ingestion.postgres.discover import Table, discover
from ingestion.postgres.extract import RESULT, Compare, Context, Read, Work, runner
from ingestion.postgres.types import Mapped, delta_names, map_column, quote, table_name
from ingestion.postgres.window import (
    Snapshot,
    Window,
    both,
    condition,
    lanes,
    next_window,
    range_condition,
    ranges,
    reread_reason,
    written_since,
)
from lakehouse import catalog, ledger, session, storage
from lakehouse.errors import ComportaError, SourceError, redact
from lakehouse.settings import Settings

RANGE_PAGES = 8192  # 64 MB of heap: a file of about 16 to 64 MB, and enough ranges to balance
Report = Callable[["Outcome"], None]


@dataclass
class Plan:
    """What a run does with one table."""

    table: Table
    name: str  # of the bronze table
    mode: str
    key: tuple[str, ...]
    window: Window
    bronze: Bronze
    mapped: tuple[Mapped, ...]
    names: dict[str, str]
    work: list[Work]
    reason: str  # why it is read whole, where it is
    first: bool


@dataclass
class Outcome:
    """What became of one table."""

    table: str
    name: str = ""
    mode: str = ""
    status: str = "failed"  # committed | empty | failed
    rows: int = 0
    deletes: int = 0
    size: int = 0
    seconds: float = 0
    version: int | None = None
    error: str = ""
    reason: str = ""


@dataclass
class Run:
    """What became of a run."""

    batch_id: int
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0

    @property
    def failed(self) -> list[Outcome]:
        """Tables that were not copied."""
        return [outcome for outcome in self.outcomes if outcome.status == "failed"]

    @property
    def rows(self) -> int:
        """Rows that reached bronze, deletes included."""
        return sum(outcome.rows + outcome.deletes for outcome in self.outcomes)


def run(settings: Settings, patterns: str | None = None, report: Report = lambda outcome: None) -> Run:
    """Copy what changed in the chosen tables to bronze; a table that can't be copied does not keep the others.

    Raises:
        SourceError: the database can't be reached, or no table is chosen.
        ServerError: Spark is not up, or broke off.
    """
    started = time.monotonic()
    with closing(open_source(settings.dsn())) as source:
        snapshot = take_snapshot(source)
        sources = source_file.load()
        chosen = source_file.select(discover(source), patterns, sources)
        done = Run(ledger.next_run_id(settings))
        ledger.append(settings, "runs", [{"run_id": done.batch_id, "command": "ingest", "status": "running"}])
        plans: list[Plan] = []
        for table in chosen:
            try:
                taken = {plan.name: plan.table.label for plan in plans}
                plans.append(_plan(settings, sources, table, snapshot, done.batch_id, source, taken))
            except (ComportaError, ValueError) as error:
                _note(done, Outcome(table.label, error=str(error)), report)
        results = _extract(settings, plans, snapshot, done.batch_id)
    batches = [_settle(settings, plan, results, done, report) for plan in plans]
    _register(settings, plans)
    done.seconds = time.monotonic() - started
    _record(settings, done, batches)
    return done


# A transaction that has written nothing yet may still stamp rows with its start; what prepared ones began with is unknown.
# A replica notes a new timeline at its next restart point only; who streams from a promoted server is told at once.
_SNAPSHOT = """
select pg_export_snapshot(),
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
       case when pg_has_role('pg_read_all_stats', 'usage') and not pg_is_in_recovery()
                 and not exists (select from pg_prepared_xacts)
            then (select min(xact_start)::text from pg_stat_activity) end,
       (select system_identifier::text from pg_control_system()),
       case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end - '0/0'::pg_lsn,
       case when pg_is_in_recovery()
            then greatest((select timeline_id from pg_control_checkpoint()), (select received_tli from pg_stat_wal_receiver))
            else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end
"""


def take_snapshot(source: Connection) -> Snapshot:
    """Export the transaction's snapshot, for tasks to join while the connection stays open."""
    with source.cursor() as cursor:
        cursor.execute(_SNAPSHOT)
        name, horizon, following, oldest, system, lsn, timeline = cursor.fetchone() or ()
    return Snapshot(name, horizon, following, oldest, system, int(lsn), timeline)


def _plan(
    settings: Settings,
    sources: source_file.Sources,
    table: Table,
    snapshot: Snapshot,
    batch_id: int,
    source: Connection,
    taken: dict[str, str],
) -> Plan:
    if not table.readable:
        raise SourceError(
            table.label,
            "may not be read by this user",
            "SELECT",
            f"Grant it: grant select on {quote(table.schema, table.name)} to …",
        )
    entry = sources.tables.get(table.label, source_file.Entry())
    mode, key, cursor = source_file.settle(table, entry)
    name = table_name(sources.source or settings.source(), table.schema, table.name)
    if name in taken:
        raise SourceError(
            table.label, f"would be bronze.{name}, as {taken[name]} is", "a name of its own", "Copy one of them through a view"
        )
    try:
        names = delta_names([column.name for column in table.columns])
    except ValueError as error:
        raise SourceError(table.label, str(error), "names that Delta can tell apart", "Rename one, or copy a view") from None
    mapped = tuple(map_column(column) for column in table.columns)
    bronze = Bronze(storage.join(settings.lake_url, "bronze", name), storage.options(settings))
    seen = _heal(settings, bronze, table, name, mode, key)
    following = next_window(batch_id, cursor or "", snapshot, seen)
    plan = Plan(table, name, mode, key, following, bronze, mapped, names, [], "", seen is None)
    if not (seen and mode == "full" and not key and _untouched(source, plan, seen, snapshot)):
        _add_work(plan, seen, snapshot, entry)
    return plan


def _untouched(source: Connection, plan: Plan, seen: Window, snapshot: Snapshot) -> bool:
    """Whether a table without a key holds just the rows it held: none written since, and as many."""
    if not plan.table.has_xmin or seen.live is None or reread_reason(seen, plan.window.cursor, snapshot):
        return False
    if plan.bronze.drift(arrow_schema(plan.mapped, plan.names)) != ([], []):
        return False
    parts = " union all ".join(
        f"select count(*) n, count(*) filter (where {written_since(seen)}) fresh from {leaf.sql}" for leaf in plan.table.leaves
    )
    with source.cursor() as cursor:
        cursor.execute(f"select sum(n), sum(fresh) from ({parts}) x")
        live, fresh = cursor.fetchone() or (None, None)
    plan.window = plan.window.counted(seen.live)
    return live == seen.live and not fresh


def _heal(settings: Settings, bronze: Bronze, table: Table, name: str, mode: str, key: tuple[str, ...]) -> Window | None:
    """The window to go on from; a batch that was committed but not noted before a kill is noted now."""
    noted = bronze.last_batch()
    if noted is None:
        return None
    latest = ledger.latest(settings, "batches", "table_name", "batch_id")
    window = Window(**noted["window"])
    if (name, window.batch_id) not in latest:
        healed = {"batch_id": window.batch_id, "status": "committed", "source_table": table.label, "table_name": name, "mode": mode}
        healed |= {"key": json.dumps(key), "window": json.dumps(window.to_dict()), "delta_version": noted["delta_version"]}
        ledger.append(settings, "batches", [healed | {name: noted[name] for name in ("rows", "deletes", "bytes", "files")}])
    later = [row for (other, _), row in latest.items() if other == name and row["status"] == "empty"]
    newest = max(later, key=lambda row: row["batch_id"], default=None)
    if newest and newest["batch_id"] > window.batch_id:
        return Window(**json.loads(newest["window"]))
    return window


def _add_work(plan: Plan, seen: Window | None, snapshot: Snapshot, entry: source_file.Entry) -> None:
    whole = seen is None or plan.mode == "full"
    if seen and plan.mode == "incremental":
        plan.reason = reread_reason(seen, plan.window.cursor, snapshot) or ""
        added, _ = plan.bronze.drift(arrow_schema(plan.mapped, plan.names))
        if added and not plan.reason:
            plan.reason = f"new columns: {', '.join(field.name for field in added)}"
        whole = bool(plan.reason)
    nullable = any(column.nullable for column in plan.table.columns if column.name == plan.window.cursor)
    window = "" if whole or seen is None else condition(seen, nullable)
    leaves = plan.table.leaves if plan.table.kind in "rpm" else ()
    for leaf in leaves:
        for first, end in ranges(leaf.pages, RANGE_PAGES) if leaf.has_ctid else [(0, None)]:
            pages = (end or leaf.pages) - first
            plan.work.append(_read(plan, leaf.sql, both(range_condition(first, end), window), pages, whole))
    if not leaves and plan.table.kind in "vf":
        relation = map_relation(plan.table)
        plan.work.append(_read(plan, relation, window, RANGE_PAGES, whole))
    if seen and plan.key and entry.deletes == "compare":
        changed = written_since(seen) if plan.table.has_xmin and not plan.reason else "true"
        relations = tuple(leaf.sql for leaf in leaves) or (map_relation(plan.table),)
        keys = tuple(item for column in plan.key for item in plan.mapped if item.column.name == column)
        plan.work.append(
            Compare(plan.name, relations, changed, seen.live, keys, plan.names, tuple(plan.bronze.files()), plan.bronze.url,
                    sum(leaf.pages for leaf in leaves))
        )  # fmt: skip


def map_relation(table: Table) -> str:
    """FROM item of a relation that is read in one piece."""
    return quote(table.schema, table.name)


def _read(plan: Plan, relation: str, where: str, pages: int, whole: bool) -> Read:
    op = "r" if whole else "u"
    return Read(plan.name, relation, where, pages, plan.mapped, plan.names, op, plan.bronze.url)


def _extract(settings: Settings, plans: list[Plan], snapshot: Snapshot, batch_id: int) -> list[dict[str, Any]]:
    """Run every table's work as one Spark job; one row per piece of work."""
    work = [item for plan in plans for item in plan.work]
    if not work:
        return []
    context = Context(
        prepare(settings.dsn()), snapshot.name, batch_id, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f+00}", snapshot.lsn,
        storage.options(settings),
    )  # fmt: skip
    shared = lanes([item.pages for item in work], settings.source_connections)
    job = runner(context, [[work[position] for position in lane] for lane in shared])
    spark = session.connect(settings)
    _ship_code()
    frame = spark.range(0, len(shared), 1, len(shared)).mapInArrow(job, _spark_schema(RESULT))
    try:
        found: list[dict[str, Any]] = frame.toArrow().to_pylist()
        return found
    finally:
        spark.stop()


def _ship_code() -> None:
    """Send our code along with the tasks: executors need our packages' wheels but not our packages, nor ever run old code."""
    from pyspark import cloudpickle

    import ingestion
    import lakehouse

    for package in (ingestion, lakehouse):
        cloudpickle.register_pickle_by_value(package)


def _spark_schema(schema: pa.Schema) -> str:
    kinds = {"string": "string", "int64": "bigint", "double": "double"}
    return ", ".join(f"`{field.name}` {kinds[str(field.type)]}" for field in schema)


def _settle(settings: Settings, plan: Plan, results: list[dict[str, Any]], done: Run, report: Report) -> dict[str, Any]:
    """Commit the table's files if all of its work was done; what the ledger is to know of it."""
    mine = [row for row in results if row["table"] == plan.name]
    outcome = Outcome(plan.table.label, plan.name, plan.mode, reason=plan.reason)
    errors = [row["error"] for row in mine if row["error"]]
    files = [File(row["path"], row["rows"], row["bytes"]) for row in mine if row["path"]]
    outcome.rows = sum(row["rows"] or 0 for row in mine if row["op"] != "d")
    outcome.deletes = sum(row["rows"] or 0 for row in mine if row["op"] == "d")
    outcome.size, outcome.seconds = sum(file.size for file in files), sum(row["seconds"] or 0 for row in mine)
    window = plan.window.counted(_live(plan, mine, outcome))
    batch = {
        "window": window.to_dict(),
        "rows": outcome.rows,
        "deletes": outcome.deletes,
        "bytes": outcome.size,
        "files": len(files),
    }
    try:
        if errors or len(mine) != len(plan.work):
            raise SourceError(
                plan.table.label,
                errors[0] if errors else "a task did not answer",
                remedy="Nothing of it was written: mend that and run again",
            )
        if files or plan.first:
            wanted = arrow_schema(plan.mapped, plan.names)
            outcome.version = plan.bronze.commit(plan.table.label, wanted, batch, files)
            outcome.status = "committed"
        else:
            outcome.status, outcome.version = "empty", plan.bronze.version()
    except (ComportaError, OSError) as error:
        outcome.error, outcome.rows, outcome.deletes = str(error), 0, 0
        storage.remove(settings, [storage.join(plan.bronze.url, file.path) for file in files])
    _note(done, outcome, report)
    return _batch_row(settings, plan, outcome, window, len(files))


def _live(plan: Plan, mine: list[dict[str, Any]], outcome: Outcome) -> int | None:
    if plan.first or (plan.mode == "full" and plan.work):
        return outcome.rows
    if not plan.work:
        return plan.window.live
    counted = [json.loads(row["detail"])["live"] for row in mine if row["detail"]]
    return counted[0] if counted else None


def _batch_row(settings: Settings, plan: Plan, outcome: Outcome, window: Window, files: int) -> dict[str, Any]:
    return {
        "batch_id": window.batch_id,
        "source": settings.source(),
        "source_table": plan.table.label,
        "table_name": plan.name,
        "mode": plan.mode,
        "key": json.dumps([plan.names[column] for column in plan.key]),
        "status": outcome.status,
        "rows": outcome.rows,
        "deletes": outcome.deletes,
        "bytes": outcome.size,
        "files": files,
        "delta_version": outcome.version,
        "window": json.dumps(window.to_dict()),
        "seconds": outcome.seconds,
        "error": outcome.error or None,
    }


def _note(done: Run, outcome: Outcome, report: Report) -> None:
    done.outcomes.append(outcome)
    report(outcome)


def _register(settings: Settings, plans: list[Plan]) -> None:
    """Make new bronze tables known to the catalog; those that are known are not asked for again."""
    known = {row[1] for row in catalog.thrift_rows(settings, "show tables in bronze")}
    fresh = [plan for plan in plans if plan.name not in known and plan.bronze.table is not None]
    if fresh:
        catalog.thrift_rows(settings, *(catalog.register_statement("bronze", plan.name, plan.bronze.url) for plan in fresh))


def _record(settings: Settings, done: Run, batches: list[dict[str, Any]]) -> None:
    if batches:
        ledger.append(settings, "batches", batches)
    status = "failed" if done.failed else "succeeded"
    detail = "; ".join(f"{outcome.table}: {redact(outcome.error)}" for outcome in done.failed)
    row = {"run_id": done.batch_id, "command": "ingest", "status": status, "rows": done.rows, "seconds": done.seconds}
    ledger.append(settings, "runs", [row | {"detail": detail}])
