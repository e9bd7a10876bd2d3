"""One ingestion run: every chosen table, of one moment, into bronze; each table one Delta transaction."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pyarrow as pa
from psycopg2.extensions import connection as Connection
from tenacity import RetryCallState, Retrying, retry_if_exception_type, retry_if_result, wait_exponential

from ingestion import source as source_file
from ingestion import upkeep
from ingestion.contract import ContractError
from ingestion.plan import Moment, Plan, Request, plan
from ingestion.postgres.connect import lost, open_source, prepare
from ingestion.postgres.discover import discover
from ingestion.postgres.extract import runner
from ingestion.postgres.ranges import lanes
from ingestion.postgres.window import Snapshot
from ingestion.postgres.work import RESULT, Context
from ingestion.settle import Outcome, schema_rows, settle
from lakehouse import catalog, ledger, session, storage
from lakehouse.errors import ComportaError, SourceLostError, redact
from lakehouse.settings import Settings

Report = Callable[["Outcome"], None]
Warn = Callable[[str], None]


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
    so that tables never end at different moments. Tables that turn out to lack rows are read whole at once.

    Raises:
        SourceError: the database can't be reached, or no table is chosen.
        ServerError: Spark is not up, or broke off.
    """
    wanted = request or Request(patterns)
    done = _patiently(settings, wanted, warn)
    lacking = [outcome.table for outcome in done.outcomes if outcome.lacks]
    if lacking:
        warn(f"Bronze lacks rows of {', '.join(lacking)} that earlier batches should have brought; reading them whole.")
        again = replace(wanted, patterns=",".join(lacking), lacking=frozenset(lacking))
        mended = _patiently(settings, again, warn).after(done)
        fresh = {outcome.table: outcome for outcome in mended.outcomes}
        done.outcomes = [fresh.get(outcome.table, outcome) for outcome in done.outcomes]
        done.seconds += mended.seconds
    for outcome in done.outcomes:
        report(outcome)
    return done


def _patiently(settings: Settings, request: Request, warn: Warn) -> Run:
    attempts: list[Run] = []

    def attempt() -> Run:
        attempts.append(_once(settings, request, warn).after(attempts[-1] if attempts else None))
        return attempts[-1]

    def tell(state: RetryCallState) -> None:
        assert state.outcome is not None
        error = state.outcome.exception() or next(item.error for item in state.outcome.result().outcomes if item.lost)
        warn(f"{error} Trying again in {state.upcoming_sleep:.0f} s.")

    retrying = Retrying(
        retry=retry_if_exception_type(SourceLostError) | retry_if_result(lambda done: any(item.lost for item in done.outcomes)),
        wait=wait_exponential(min=1, max=20),
        stop=lambda state: state.idle_for >= settings.source_patience,
        before_sleep=tell,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    done: Run = retrying(attempt)
    return done


def _once(settings: Settings, request: Request, warn: Warn) -> Run:
    started = time.monotonic()
    with closing(open_source(settings)) as source:
        try:
            snapshot = take_snapshot(source)
            done = Run(ledger.next_run_id(settings))
            plans = plan_all(Moment(settings, source_file.load(), source, snapshot, done.batch_id, request), done)
            ledger.append(settings, "runs", [{"run_id": done.batch_id, "command": "ingest", "status": "running"}])
        except psycopg2.Error as error:
            raise lost(error) from None
        context = Context(
            prepare(settings), snapshot.name, done.batch_id, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f+00}", snapshot.lsn,
            storage.options(settings),
        )  # fmt: skip
        results = _extract(settings, plans, context)
    batches = []
    for item in plans:
        outcome, batch = settle(settings, item, [row for row in results if row["table"] == item.name], context)
        done.outcomes.append(outcome)
        batches.append(batch)
    _register(settings, plans)
    done.seconds = time.monotonic() - started
    _record(settings, done, batches)
    for problem in upkeep.keep(settings, [item.bronze for item in plans if item.bronze.table is not None], snapshot.clock):
        warn(problem)
    return done


def preview(settings: Settings, request: Request) -> tuple[list[Plan], Run]:
    """What a run would do, without doing it: plans, and the tables that would be refused."""
    with closing(open_source(settings)) as source:
        refused = Run(ledger.next_run_id(settings))
        moment = Moment(settings, source_file.load(), source, take_snapshot(source), refused.batch_id, request, dry=True)
        return plan_all(moment, refused), refused


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
            else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end,
       extract(epoch from clock_timestamp())::float8
"""


def take_snapshot(source: Connection) -> Snapshot:
    """Export the transaction's snapshot, for tasks to join while the connection stays open."""
    with source.cursor() as cursor:
        cursor.execute(_SNAPSHOT)
        name, horizon, following, oldest, system, lsn, timeline, clock = cursor.fetchone() or ()
    return Snapshot(name, horizon, following, oldest, system, int(lsn), timeline, clock)


def plan_all(moment: Moment, done: Run) -> list[Plan]:
    """A plan for every chosen table; what can't be copied is noted in `done`."""
    plans: list[Plan] = []
    for table in source_file.select(discover(moment.source), moment.request.patterns, moment.sources):
        try:
            with _savepoint(moment.source):
                plans.append(plan(moment, table, {item.name: item.table.label for item in plans}))
        except ContractError as error:
            done.outcomes.append(Outcome(table.label, error.name, error=str(error), changes=error.changes))
        except (ComportaError, ValueError) as error:
            done.outcomes.append(Outcome(table.label, error=str(error)))
        except psycopg2.Error as error:
            if moment.source.closed:
                raise
            done.outcomes.append(Outcome(table.label, error=f"{table.label}: {str(error).strip().splitlines()[0]}."))
    return plans


@contextmanager
def _savepoint(source: Connection) -> Iterator[None]:
    """A statement that fails must not end the transaction, whose snapshot the tasks are to join."""
    with source.cursor() as cursor:
        cursor.execute("savepoint one_table")
        try:
            yield
        except BaseException:
            if not source.closed:
                cursor.execute("rollback to savepoint one_table")
            raise


def _extract(settings: Settings, plans: list[Plan], context: Context) -> list[dict[str, Any]]:
    """Run every table's work as one Spark job; one row per piece of work."""
    work = [item for plan in plans for item in plan.work]
    if not work:
        return []
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
    kinds = {"string": "string", "int64": "bigint", "double": "double", "bool": "boolean"}
    return ", ".join(f"`{field.name}` {kinds[str(field.type)]}" for field in schema)


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
