"""One ingestion run: every chosen table, of one moment, into bronze; each table one Delta transaction."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import psycopg2
from tenacity import RetryCallState, Retrying, retry_if_exception_type, retry_if_result

from ingestion.bronze import maintenance
from ingestion.bronze.work import RESULT, Context
from ingestion.check import check_readable
from ingestion.contract import ContractError
from ingestion.plan import Plan, plan
from ingestion.request import Moment, Request
from ingestion.settle import Outcome, schema_rows, settle
from ingestion.sources import config as source_file
from ingestion.sources.postgres import tls
from ingestion.sources.postgres.connect import Source, open_source, prepare, session
from ingestion.sources.postgres.discover import Sizes, Table, discover, sizes
from ingestion.sources.postgres.refusal import LOCKED, lost, reason, remedy
from ingestion.sources.postgres.snapshot import Origin, can_join, take_snapshot
from ingestion.sources.postgres.window import Snapshot
from ingestion.tasks import extract
from lakehouse import console
from lakehouse.engines import catalog
from lakehouse.errors import ComportaError, SourceError, SourceLostError
from lakehouse.redaction import redact
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import ledger

Report = Callable[["Outcome"], None]
Warn = Callable[[str], None]


@dataclass
class Run:
    """What became of a run."""

    batch_id: int
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0
    notes: list[str] = field(default_factory=list)  # what was left out though nobody asked for it, and what may surprise

    @property
    def failed(self) -> list[Outcome]:
        """Tables that were not copied."""
        return [outcome for outcome in self.outcomes if outcome.status == "failed"]

    @property
    def rows(self) -> int:
        """Rows that reached bronze, deletes included."""
        return sum(outcome.rows + outcome.deletes for outcome in self.outcomes)

    def after(self, earlier: "Run | None") -> "Run":
        """This run with what `earlier` attempts of it brought."""
        before = {outcome.table: outcome for outcome in earlier.outcomes} if earlier else {}
        for outcome in self.outcomes:
            was = before.get(outcome.table)
            if was and was.status == "committed":
                outcome.rows, outcome.deletes, outcome.size = (
                    outcome.rows + was.rows,
                    outcome.deletes + was.deletes,
                    outcome.size + was.size,
                )
                outcome.status = "committed" if outcome.status == "empty" else outcome.status
                outcome.changes, outcome.reason = [*was.changes, *outcome.changes], outcome.reason or was.reason
        return self


def run(
    settings: Settings,
    patterns: str | None = None,
    report: Report = lambda outcome: None,
    *,
    request: Request | None = None,
    warn: Warn = lambda text: None,
) -> Run:
    """Copy what changed in the chosen tables to bronze; a table that can't be copied does not keep the others.

    A source that goes away is tried again for SOURCE_PATIENCE seconds; each attempt is a batch of a moment of its own,
    so that tables never end at different moments. Tables that turn out to lack rows are read whole at once, changes that a cursor did not show by xmin.

    Raises:
        SourceError: the database can't be reached, or no table is chosen.
        ServerError: Spark is not up, or broke off.
    """
    wanted = request or Request(patterns)
    done = _patiently(settings, wanted, warn)
    lacking = frozenset(outcome.table for outcome in done.outcomes if outcome.lacks)
    unmarked = frozenset(outcome.table for outcome in done.outcomes if outcome.unmarked) - lacking
    for outcome in done.outcomes:
        if outcome.table in lacking:
            warn(f"{outcome.table}: bronze lacks rows that earlier batches should have brought; reading it whole.")
        if outcome.table in unmarked:
            seen = f"{console.count(outcome.unmarked)} rows were changed and their cursor was not moved"
            warn(f"{outcome.table}: {seen}; reading them by xmin, which cursor: xmin does at once.")
    if lacking or unmarked:
        again = replace(wanted, patterns=None, only=lacking | unmarked, lacking=lacking, unmarked=unmarked)
        mended = _patiently(settings, again, warn).after(done)
        fresh = {outcome.table: outcome for outcome in mended.outcomes}
        done.outcomes = [fresh.get(outcome.table, outcome) for outcome in done.outcomes]
        done.seconds += mended.seconds
    for outcome in done.outcomes:
        report(outcome)
    return done


def _patiently(settings: Settings, request: Request, warn: Warn) -> Run:
    attempts: list[Run] = []
    away: list[float] = []  # when it was first seen to be away

    def attempt() -> Run:
        attempts.append(_once(settings, request, warn).after(attempts[-1] if attempts else None))
        return attempts[-1]

    def pause(state: RetryCallState) -> float:
        away.append(time.monotonic())
        left = settings.source_patience - (away[-1] - away[0])
        return max(0.0, min(2.0 ** min(state.attempt_number - 1, 5), 20, left))

    def tell(state: RetryCallState) -> None:
        assert state.outcome is not None
        error = state.outcome.exception() or next(item.error for item in state.outcome.result().outcomes if item.lost)
        warn(f"{error} Trying again in {state.upcoming_sleep:.0f} s.")

    retrying = Retrying(
        retry=retry_if_exception_type(SourceLostError) | retry_if_result(lambda done: any(item.lost for item in done.outcomes)),
        wait=pause,
        stop=lambda state: not state.upcoming_sleep,
        before_sleep=tell,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    done: Run = retrying(attempt)
    return done


def _once(settings: Settings, request: Request, warn: Warn) -> Run:
    started = time.monotonic()
    with closing(open_source(settings)) as source:
        dsn = prepare(settings)
        try:
            snapshot = take_snapshot(source)
            done = Run(ledger.next_run_id(settings))
            plans = plan_all(_moment(settings, source, snapshot, done.batch_id, request), done)
            ledger.append(settings, "runs", [{"run_id": done.batch_id, "command": "ingest", "status": "running"}])
            shared = snapshot.name if any(plan.work for plan in plans) and can_join(dsn, snapshot) else None
        except psycopg2.Error as error:
            raise lost(error) from None
        context = Context(
            dsn, tuple(session(source.server_version, settings.source_timeout)), shared, done.batch_id,
            f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f+00}", snapshot.lsn, storage.options(settings), tls.roots(dsn),
        )  # fmt: skip
        if shared is None:
            source.close()  # its snapshot serves nobody; the one connection that reads may be all that the role has
        results = extract(settings, plans, context)
        results += _rewritten(settings, plans)
    batches = []
    for item in plans:
        outcome, batch = settle(settings, item, [row for row in results if row["table"] == item.name], context)
        done.outcomes.append(outcome)
        batches.append(batch | {"run_id": request.run_id or done.batch_id})
    _register(settings, plans)
    done.seconds = time.monotonic() - started
    _record(settings, done, batches)
    for problem in maintenance.keep(settings, [item.bronze for item in plans if item.bronze.table is not None], snapshot.clock):
        warn(problem)
    return done


def _moment(settings: Settings, source: Source, snapshot: Snapshot, batch_id: int, request: Request, dry: bool = False) -> Moment:
    with source.cursor() as cursor:
        cursor.execute("show server_encoding")
        encoding = str((cursor.fetchone() or ("UTF8",))[0])
    return Moment(settings, source_file.load(), source, snapshot, batch_id, request, dry, encoding)


def preview(settings: Settings, request: Request) -> tuple[list[Plan], Run]:
    """What a run would do, without doing it: plans, and the tables that would be refused."""
    refused = Run(ledger.next_run_id(settings))
    with planned(settings, request, refused) as (_, plans):
        return plans, refused


@contextmanager
def planned(settings: Settings, request: Request, refused: Run) -> Iterator[tuple[Origin, list[Plan]]]:
    """The source in the moment that the plans are of, for those who write nothing; what can't be copied is noted in `refused`.

    Raises:
        SourceError: the database can't be reached, or no table is chosen.
    """
    dsn = prepare(settings)
    with closing(open_source(settings)) as source:
        try:
            snapshot = take_snapshot(source)
            plans = plan_all(_moment(settings, source, snapshot, refused.batch_id, request, dry=True), refused)
            origin = Origin(source, dsn, snapshot.name if can_join(dsn, snapshot) else None)
        except psycopg2.Error as error:
            raise lost(error) from None
        yield origin, plans


def plan_all(moment: Moment, done: Run) -> list[Plan]:
    """A plan for every chosen table; what can't be copied is noted in `done`, by name.

    Raises:
        SourceError: no table is chosen, or none of them may be read.
    """
    plans: list[Plan] = []
    found = discover(moment.source)
    if not (moment.request.patterns or moment.request.only):
        done.outcomes += [Outcome(error.where, error=str(error)) for error in source_file.vanished(found, moment.sources)]
        gone = moment.copied - {table.label for table in found} - set(moment.sources.tables)
        done.notes += [f"{label}: is not in the database any more; bronze keeps what it has." for label in sorted(gone)]
    chosen = source_file.select(found, moment.request.patterns, moment.sources)
    chosen = [table for table in chosen if not moment.request.only or table.label in moment.request.only]
    left: dict[str, list[str]] = {}
    for table in chosen:
        if why := _left_out(moment, table):
            left.setdefault(why, []).append(table.label)
    done.notes += [_listed(why, labels) for why, labels in left.items()]
    chosen = [table for table in chosen if table.label not in {label for labels in left.values() for label in labels}]
    if not chosen:
        raise SourceError("source", "holds no table that may be copied", "at least one", " ".join(done.notes))
    moment.sizes = _sizes(moment, chosen)
    for table in chosen:
        try:
            with _savepoint(moment.source):
                plans.append(plan(moment, table, {item.name: item.table.label for item in plans}))
                done.notes += [f"{table.label}: {note}." for note in plans[-1].notes if plans[-1].first or plans[-1].moved]
        except ContractError as error:
            done.outcomes.append(Outcome(table.label, error.name, error=str(error), changes=error.changes))
        except (ComportaError, ValueError) as error:
            done.outcomes.append(Outcome(table.label, error=str(error)))
        except psycopg2.Error as error:
            if moment.source.closed:
                raise
            failed = SourceError(table.label, reason(error), remedy=remedy(error.pgcode, "Nothing of it was written"))
            done.outcomes.append(Outcome(table.label, error=str(failed)))
    return plans


def _left_out(moment: Moment, table: Table) -> str:
    """Why a table that nobody asked for is left out: it can't be read, or shows in another; "" if it is not, or bronze has it."""
    if moment.request.patterns or moment.request.only or table.label in moment.sources.tables:
        return ""
    why = ""
    if table.parents:
        why = f"copied with {', '.join(table.parents)}, from which it inherits"
    elif not (table.readable and table.populated):  # row security is a failure: whoever granted the table meant it to be read
        try:
            check_readable(table)
        except SourceError as error:
            why = error.seen
    return "" if table.label in moment.copied else why  # what bronze has, somebody counts on


def _listed(why: str, labels: list[str]) -> str:
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return f"{', '.join(labels[:5])}{more}: {why}. make discover lists what may be copied."


def _sizes(moment: Moment, tables: list[Table]) -> Sizes | None:
    """Sizes of all `tables`; none if this server does not tell them, None if one of them is locked."""
    try:
        with _savepoint(moment.source):
            return sizes(moment.source, tables)
    except psycopg2.Error as error:
        if moment.source.closed:
            raise
        return None if error.pgcode == LOCKED else {}  # then by what VACUUM noted: pieces may be uneven, and nothing is missed


@contextmanager
def _savepoint(source: Source) -> Iterator[None]:
    """A statement that fails must not end the transaction, whose snapshot the tasks are to join."""
    with source.cursor() as cursor:
        cursor.execute("savepoint one_table")
        try:
            yield
        except BaseException:
            if not source.closed:
                cursor.execute("rollback to savepoint one_table")
            raise


def _rewritten(settings: Settings, plans: list[Plan]) -> list[dict[str, Any]]:
    """A failure, to be tried again, of each table whose storage is another one than when it was planned.

    What is rewritten, or emptied and filled, before it is read shows no rows to a snapshot from before, and all would count as
    deleted. PostgreSQL says so of ALTER TABLE and TRUNCATE: they are not safe under its snapshots.
    """
    leaves = {leaf.oid: (plan, leaf.node) for plan in plans if plan.work for leaf in plan.table.leaves if leaf.node}
    if not leaves:
        return []
    with closing(open_source(settings)) as source, source.cursor() as cursor:
        cursor.execute("select oid::bigint, relfilenode::bigint from pg_class where oid = any (%s::oid[])", (list(leaves),))
        now = dict(cursor.fetchall())
    names = sorted({plan.name for oid, (plan, node) in leaves.items() if now.get(oid) != node})
    error = "it was rewritten, emptied or dropped while it was read"
    return [dict.fromkeys(RESULT.names) | {"table": name, "op": "r", "error": error, "lost": True} for name in names]


def _register(settings: Settings, plans: list[Plan]) -> None:
    """Make new bronze tables known to the catalog; those that are known are not asked for again."""
    known = {row[1] for row in catalog.thrift_rows(settings, "show tables in bronze")}
    fresh = [plan for plan in plans if plan.name not in known and plan.bronze.table is not None]
    if fresh:
        catalog.thrift_rows(settings, *(catalog.register_statement("bronze", plan.name, plan.bronze.url) for plan in fresh))


def _record(settings: Settings, done: Run, batches: list[dict[str, Any]]) -> None:
    changed = [row for outcome in done.outcomes for row in schema_rows(settings, done.batch_id, outcome)]
    if changed:
        ledger.append(settings, "schema_changes", changed)
    if batches:  # last, since it is by its batch that the next run knows that a table's run was noted
        ledger.append(settings, "batches", batches)
    status = "failed" if done.failed else "succeeded"
    detail = "; ".join(f"{outcome.table}: {redact(outcome.error)}" for outcome in done.failed)
    row = {"run_id": done.batch_id, "command": "ingest", "status": status, "rows": done.rows, "seconds": done.seconds}
    ledger.append(settings, "runs", [row | {"detail": detail}])
