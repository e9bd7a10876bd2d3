"""One ingestion run: every chosen table, of one moment, into bronze; each table one Delta transaction."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from tenacity import RetryCallState, Retrying, retry_if_exception_type, retry_if_result

from ingestion.bronze import maintenance
from ingestion.bronze.work import BatchContext
from ingestion.outcome import IngestionRun, TableOutcome
from ingestion.settle import missed, record_missed, schema_changes, settle
from ingestion.sources import config as source_file
from ingestion.sources import kinds
from ingestion.sources.base import Request, RunPlan, TablePlan
from ingestion.sources.config import Section
from lakehouse import console
from lakehouse.engines import catalog
from lakehouse.errors import SourceLostError
from lakehouse.redaction import redact
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import ledger
from lakehouse.tables.records import BatchRecord, Record, RunRecord

Report = Callable[[TableOutcome], None]
Warn = Callable[[str], None]


def run(
    settings: Settings,
    patterns: str | None = None,
    report: Report = lambda outcome: None,
    *,
    request: Request | None = None,
    warn: Warn = lambda text: None,
    section: Section | None = None,
) -> IngestionRun:
    """Copy what changed in the chosen tables to bronze; a table that can't be copied does not keep the others.

    A source that goes away is tried again for SOURCE_PATIENCE seconds; each attempt is a batch of a moment of its own,
    so that tables never end at different moments. Tables that turn out to lack rows are read whole at once, changes that a cursor did not show by xmin.

    Args:
        section: the source, as sources.yml has it; SOURCE_DSN's by default.

    Raises:
        SourceError: the source can't be reached, or no table is chosen.
        ServerError: Spark is not up, or broke off.
    """
    wanted = request or Request(patterns)
    section = section or source_file.of(settings, source_file.load())
    settings = source_file.settings_of(settings, section)
    done = _patiently(settings, section, wanted, warn)
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
        mended = _patiently(settings, section, again, warn).after(done)
        fresh = {outcome.table: outcome for outcome in mended.outcomes}
        done.outcomes = [fresh.get(outcome.table, outcome) for outcome in done.outcomes]
        done.seconds += mended.seconds
    for outcome in done.outcomes:
        report(outcome)
    return done


def _patiently(settings: Settings, section: Section, request: Request, warn: Warn) -> IngestionRun:
    attempts: list[IngestionRun] = []
    away: list[float] = []  # when it was first seen to be away

    def attempt() -> IngestionRun:
        attempts.append(_once(settings, section, request, warn).after(attempts[-1] if attempts else None))
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
    done: IngestionRun = retrying(attempt)
    return done


def _once(settings: Settings, section: Section, request: Request, warn: Warn) -> IngestionRun:
    started = time.monotonic()
    with kinds.find(section)(settings, section).at_one_moment(request) as reading:
        with ledger.new_run_id(settings) as number:
            planned = reading.plan(number)
            done = _begun(number, planned)
            for item in missed(settings, planned.plans):
                record_missed(settings, item)
            ledger.emit(settings, RunRecord(run_id=number, command="ingest", status="running"))
        batch = BatchContext(number, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f+00}", reading.lsn, storage.options(settings))
        results = reading.read(planned.plans, batch)
    batches: list[BatchRecord] = []
    more: list[Record] = []
    for item in planned.plans:
        outcome, row = settle(settings, item, [found for found in results if found["table"] == item.name], batch)
        done.outcomes.append(outcome)
        batches.append(replace(row, run_id=request.run_id or number))
        more += item.records(item.shape(), number) if outcome.status == "committed" else ()
    _register(settings, planned.plans)
    done.seconds = time.monotonic() - started
    ledger.emit(settings, *more)
    _record(settings, done, batches)
    for problem in maintenance.keep(
        settings, [item.bronze for item in planned.plans if item.bronze.table is not None], reading.clock
    ):
        warn(problem)
    return done


def _begun(number: int, planned: RunPlan) -> IngestionRun:
    """A run that has what was refused as its first outcomes."""
    refused = [TableOutcome(each.label, each.name, error=each.error, changes=[*each.changes]) for each in planned.refused]
    return IngestionRun(number, refused, notes=planned.notes)


def preview(settings: Settings, request: Request, section: Section) -> tuple[list[TablePlan], IngestionRun]:
    """What a run would do, without doing it: plans, and the tables that would be refused."""
    settings = source_file.settings_of(settings, section)
    with kinds.find(section)(settings, section).at_one_moment(request) as reading:
        number = ledger.next_run_id(settings)
        planned = reading.plan(number)
        return planned.plans, _begun(number, planned)


def _register(settings: Settings, plans: list[TablePlan]) -> None:
    """Make new bronze tables known to the catalog; those that are known are not asked for again."""
    known = {row[1] for row in catalog.thrift_rows(settings, "show tables in bronze")}
    fresh = [("bronze", plan.name, plan.bronze.url) for plan in plans if plan.name not in known and plan.bronze.table is not None]
    fresh += [each for plan in plans for each in plan.beside()]
    if fresh:
        catalog.thrift_rows(settings, *(catalog.register_statement(*each) for each in fresh))


def _record(settings: Settings, done: IngestionRun, batches: list[BatchRecord]) -> None:
    ledger.emit(settings, *(each for outcome in done.outcomes for each in schema_changes(settings, done.batch_id, outcome)))
    ledger.emit(settings, *batches)  # last, since it is by its batch that the next run knows that a table's run was noted
    status = "failed" if done.failed else "succeeded"
    detail = "; ".join(f"{outcome.table}: {redact(outcome.error)}" for outcome in done.failed)
    ended = RunRecord(run_id=done.batch_id, command="ingest", status=status, rows=done.rows, seconds=done.seconds, detail=detail)
    ledger.emit(settings, ended)
