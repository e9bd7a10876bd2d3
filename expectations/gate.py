"""The gate of a layer: which tables are judged at which versions, the judging, and the record of it."""

import getpass
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from deltalake import DeltaTable

from expectations import mask, quarantine, trend
from expectations.compile import changed, frame
from expectations.evidence import Evidence, UnableError
from expectations.jobs import Job, of_layer, today
from expectations.reference_tables import ReferenceTables, gated
from expectations.suite import SUITES, Exemption, Suite, file_of, find
from expectations.verdict import CheckOutcome, Verdict, judge
from lakehouse import dbt
from lakehouse.engines import local
from lakehouse.engines.dialect import DUCKDB, SPARK, Engine, Types
from lakehouse.errors import ComportaError
from lakehouse.redaction import first_line
from lakehouse.settings import Settings
from lakehouse.tables import lake, ledger
from lakehouse.tables import quarantine as kept_apart
from lakehouse.tables.records import VerdictRecord
from lakehouse.tables.types import spark_types

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from expectations.runner import Runner, SuiteResult, TableRows

_LANES = 4  # tables at once on two cores: what Great Expectations asks is mostly waiting (gold, all of it so judged: 11.8 s with 2, 10.3 with 4)


@dataclass(frozen=True)
class LayerResult:
    """What came of a layer's tables.

    Attributes:
        kept: verdicts over released versions that passed under the same suite, taken again; they are in the ledger already.
        made: new verdicts, each with the results that it rests on; None where nothing could be judged.
    """

    kept: list[Verdict]
    made: "list[tuple[Verdict, SuiteResult | None]]"


def judge_layer(
    settings: Settings, spark: "SparkSession", layer: str, tables: list[str] | None = None, suites: Path = SUITES
) -> LayerResult:
    """Judge the tables of `layer` whose names match a glob of `tables` (None: all). Rows that bronze's suites quarantine are taken out.

    Raises:
        SettingsError: a suite is wrong, or a table has none and no exemption (before anything runs), or no table matches.
    """
    jobs = of_layer(settings, spark, layer=layer, tables=tables, suites=suites)
    kept = [verdict for job in jobs if (verdict := job.known())]
    todo = [job for job in jobs if job.known() is None]
    return LayerResult(kept, _judge_all(settings, spark, layer=layer, jobs=todo, suites=suites) if todo else [])


def note(settings: Settings, verdicts: Sequence[Verdict], run_id: int | None) -> None:
    """Note new verdicts in the ledger, as of the run `run_id`."""
    ledger.emit(settings, *(_record(verdict, run_id) for verdict in verdicts))


def preview(
    settings: Settings, spark: "SparkSession", layer: str, table: str, location: str, target: Path, suites: Path = SUITES
) -> Verdict | None:
    """What the gate would say of the Delta table at `location` if it were the layer's `table`: nothing is noted, nothing set back.

    Args:
        target: dbt's folder with the contracts that are meant.
    Returns:
        None if the table has no suite.
    """
    from expectations import registry
    from expectations.runner import Runner

    suite = find(layer, table, [], suites)
    if suite is None:
        return None
    registry.validate(suite, file_of(layer, table, suites))
    version = lake.at(settings, location).version()
    bench = GateContext(
        settings=settings,
        spark=spark,
        runner=Runner(),
        local=local.DuckEngine(settings),
        others=ReferenceTables(settings, spark),
        target=target,
    )
    return _judge(bench, Job(layer=layer, table=table, place=(location, version), suite=suite, within=frame.scope([], None)))[0]


@dataclass(frozen=True)
class GateContext:
    """What judging needs."""

    settings: Settings
    spark: "SparkSession"
    runner: "Runner"
    local: local.DuckEngine
    others: ReferenceTables
    target: Path | None = None  # of dbt, whose contracts are meant; by default that of runs for a release

    def engines(self, location: str, version: int, table: DeltaTable) -> tuple[Engine, ...]:
        """Who can count the rows of `table`, the quickest first; Spark, which can always, last."""
        spark = Engine(lambda query: self.spark.sql(query).collect(), frame.at_version(location, version), SPARK)
        near = local.rows(self.settings, table)
        return (Engine(self.local.ask, near, DUCKDB), spark) if near else (spark,)


def _judge_all(
    settings: Settings, spark: "SparkSession", layer: str, jobs: list[Job], suites: Path
) -> "list[tuple[Verdict, SuiteResult | None]]":
    from expectations import registry  # Great Expectations takes seconds to import: not paid when nothing has changed
    from expectations.runner import Runner

    for job in jobs:
        if job.suite:
            registry.validate(job.suite, file_of(layer, job.table, suites))
    bench = GateContext(
        settings=settings, spark=spark, runner=Runner(), local=local.DuckEngine(settings), others=ReferenceTables(settings, spark)
    )
    with ThreadPoolExecutor(_LANES) as pool:
        return list(pool.map(lambda job: _judge(bench, job), jobs))


def _judge(bench: GateContext, job: Job) -> "tuple[Verdict, SuiteResult | None]":
    """The verdict over one table; whatever breaks makes it errored, never passed."""
    started = time.monotonic()
    if job.place is None:
        return job.errored(job.odd or "there is no Delta table of that name"), None
    assert job.suite is not None  # check_cover
    try:
        if not job.suite.checks:
            return _let_through(bench, job, job.suite), None
        found = _find(bench, job, job.suite, *job.place)
    except ComportaError:
        raise
    except Exception as error:  # Spark or Great Expectations: the reason is for the user, the verdict is the same
        return job.errored(mask.message(first_line(error), job.suite.personal), time.monotonic() - started), None
    verdict = _verdict(job, job.suite, ran=found.ran, counted=found.seen, seconds=time.monotonic() - started)
    basis = bench.others.basis(job.layer, found.ran.reads, _until(job.suite, found.until))
    return replace(
        verdict, basis=basis, table_id=found.table_id, quarantined=found.taken, checks=trend.noted(found.ran.outcomes)
    ), found.ran


def _let_through(bench: GateContext, job: Job, suite: Suite) -> Verdict:
    """The verdict over a table that is exempt and has no checks: passed with a warning that says why."""
    exempt, place = cast(Exemption, suite.exempt), cast(tuple[str, int], job.place)
    table = lake.at(bench.settings, place[0], place[1])
    engine = bench.engines(*place, table)[0]
    [[counted]] = [list(row) for row in engine.ask(f"select count(*) from ({engine.rows})")]
    rows = job.within.promised if job.layer == "bronze" else int(counted)
    said = f"let through unjudged until {exempt.until}: {exempt.reason}"
    outcome = CheckOutcome(0, "exempt", "warning", False, owner=suite.owner, observed=said)
    basis = json.dumps({"until": _end(exempt).isoformat()})
    return Verdict(
        layer=job.layer,
        table=job.table,
        delta_version=place[1],
        verdict="passed",
        reason=said,
        failed_warning=1,
        rows_seen=rows,
        suite_hash=suite.hash,
        failures=(outcome,),
        basis=basis,
        table_id=str(table.metadata().id),
    )


def _until(suite: Suite, until: datetime | None) -> datetime | None:
    """Up to when a verdict stands: what an exemption let through is judged again once it has ended."""
    ends = _end(suite.exempt) if suite.exempt and suite.exempt_on(today()) else None
    return min(filter(None, (until, ends)), default=None)


def _end(exempt: Exemption) -> datetime:
    return datetime.combine(exempt.until, datetime.max.time(), UTC)


@dataclass(frozen=True)
class SuiteRun:
    """What running a suite brought: rows seen if they are more than those judged, and pending rows put in quarantine."""

    ran: "SuiteResult"
    table_id: str
    until: datetime | None
    seen: int | None = None
    taken: int = 0


def _find(bench: GateContext, job: Job, suite: Suite, location: str, version: int) -> SuiteRun:
    table = lake.at(bench.settings, location, version)
    engines, types, name = bench.engines(location, version, table), spark_types(table), f"{job.layer}.{job.table}"
    table_id = str(table.metadata().id)
    if job.layer != "bronze":
        judged = replace(
            _judged(bench, job, engines, types),
            changed=changed.since(bench.settings, table, verdicts=job.verdicts, suite=suite, engines=engines),
        )
        return SuiteRun(bench.runner.run(suite, name, judged), table_id, judged.evidence.until)
    seen, living = _pending(engines, job.within)
    marked = {number for number, check in enumerate(suite.checks, 1) if check.quarantine}
    first, taken = None, 0
    if marked:
        written = _narrowed(engines, lambda each: frame.written(each.rows, job.within))
        first = bench.runner.run(suite, name, _judged(bench, job, written, types), marked)
        first, failing = _to_take_out(first, suite)
        said = {label: sql for label, sql in quarantine.conditions(suite, types).items() if label in failing}
        place = quarantine.BronzeTable(job.table, location, version, job.within.key)
        taken = quarantine.take_out(bench.settings, bench.spark, place=place, within=job.within, failing=said)
    held = kept_apart.held(bench.settings, job.table)
    if held:
        engines = _narrowed(engines, lambda each: gated(bench.settings, each, table=job.table, rows=each.rows, held=held))
        living = _pending(engines, job.within)[1]
    engines = _narrowed(engines, lambda each: frame.live(each.rows, job.within, not living, column=each.dialect.column))
    judged = _judged(bench, job, engines, types)
    ran = bench.runner.run(suite, name, judged, set(range(1, len(suite.checks) + 1)) - marked)
    from expectations.runner import joined

    return SuiteRun(
        ran=joined(first, ran) if first else ran, table_id=table_id, until=judged.evidence.until, seen=seen or None, taken=taken
    )


def _judged(bench: GateContext, job: Job, engines: tuple[Engine, ...], types: Types) -> "TableRows":
    from expectations.runner import TableRows

    promised = None if job.layer == "bronze" else dbt.contract(bench.settings, job.table, bench.target)
    evidence = Evidence(
        engines=engines,
        types=types,
        rows_of=partial(bench.others.rows, job.layer),
        history=job.history,
        is_pending=job.layer == "bronze",
        contract=promised,
    )
    return TableRows(evidence, job.within.key, lambda: bench.spark.sql(engines[-1].rows))


def _narrowed(engines: tuple[Engine, ...], rows: Callable[[Engine], str]) -> tuple[Engine, ...]:
    """The engines with other rows to be asked about; one that can't read what that takes is left out."""
    made = []
    for engine in engines:
        with suppress(UnableError):
            made.append(replace(engine, rows=rows(engine)))
    return tuple(made)


def _to_take_out(ran: "SuiteResult", suite: Suite) -> "tuple[SuiteResult, set[str]]":
    """The marked checks' outcomes, and the names of those whose rows go: unexpected ones within what the check lets through."""
    outcomes, failing = [], set()
    for outcome in ran.outcomes:
        check = suite.checks[outcome.number - 1]
        any_number = check.mostly is None and check.tolerance is None
        if outcome.unexpected_count and not outcome.error and (outcome.success or any_number):
            failing.add(quarantine.label(check))
            outcome = replace(outcome, success=False, severity="warning", quarantined=True)
        outcomes.append(outcome)
    return replace(ran, outcomes=tuple(outcomes)), failing


def _pending(engines: tuple[Engine, ...], within: frame.Scope) -> tuple[int, int]:
    """Pending rows, and the living ones among them, from the first engine that can say."""
    *others, last = engines
    for engine in others:
        with suppress(Exception):  # the last one, which is Spark, says what is wrong if anything is
            return _first(engine.ask(frame.counts(frame.pending(engine.rows, within))))
    return _first(last.ask(frame.counts(frame.pending(last.rows, within))))


def _first(rows: Iterable[Iterable[Any]]) -> tuple[int, int]:
    seen, living = next(iter(rows))
    return int(seen), int(living)


def _verdict(job: Job, suite: Suite, ran: "SuiteResult", counted: int | None, seconds: float) -> Verdict:
    outcomes, seen = ran.outcomes, ran.rows if counted is None else counted
    if suite.exempt_on(today()):
        outcomes = tuple(replace(outcome, severity="warning") for outcome in outcomes)
    said = judge(
        len(suite.checks), outcomes, rows_judged=ran.rows, allow_empty=suite.allow_empty, rows_promised=job.within.promised - seen
    )
    return Verdict(
        layer=job.layer,
        table=job.table,
        delta_version=job.place[1] if job.place else None,
        verdict=said.verdict,
        reason=said.reason,
        declared=len(suite.checks),
        ran=said.ran,
        passed_checks=said.passed_checks,
        failed_critical=said.failed_critical,
        failed_warning=said.failed_warning,
        rows_seen=seen,
        suite_hash=suite.hash,
        failures=said.failures,
        seconds=seconds,
        owner=suite.owner,
    )


def _record(verdict: Verdict, run_id: int | None) -> VerdictRecord:
    from expectations.outcome import dumps

    same = ["layer", "delta_version", "verdict", "declared", "ran", "failed_critical", "failed_warning", "rows_seen", "suite_hash"]
    same += ["page", "seconds", "table_id", "basis", "quarantined", "owner", "checks", "verdict_id"]
    row = {name: getattr(verdict, name) for name in same}
    failures = dumps(verdict.failures)
    if verdict.verdict == "errored" and not verdict.failures:
        failures = dumps_reason(verdict.reason)
    return VerdictRecord(**row, run_id=run_id, table_name=verdict.table, failures=failures, judged_by=_who())


def _who() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container's user may have a number and no name
        return f"{os.getuid()}@{socket.gethostname()}"


def dumps_reason(reason: str) -> str:
    """The ledger's `failures` of a verdict that errored before any check."""
    return json.dumps([{"check": "evidence", "severity": "critical", "observed": reason}], ensure_ascii=False)
