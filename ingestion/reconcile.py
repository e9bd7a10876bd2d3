"""Bronze beside its source: counts and checksums by bucket, and by key where buckets differ. Reads only.

Each side digests its own rows, at one moment of the source, so nothing but sums travels until a bucket differs. What the ledger recorded of each batch is compared with bronze's files as well.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import duckdb

from ingestion.sources import config as source_file
from ingestion.sources import kinds
from ingestion.sources.base import Comparable, Request, RowDigest, Side, Sums, TablePlan
from ingestion.sources.config import Section
from lakehouse.errors import ComportaError, SourceError
from lakehouse.redaction import first_line
from lakehouse.settings import Settings
from lakehouse.tables import ledger
from lakehouse.tables.records import ReconciliationRecord

NAMED = 20  # differences of a table that are named, and at most so many buckets are looked into for them


@dataclass(frozen=True)
class KeyDifference:
    """One key on which the two sides differ.

    Attributes:
        kind: `missing` (not in bronze), `extra` (gone from the source), `differs`.
        pending: written since the last batch: the next one brings it.
        columns: where they differ.
    """

    key: str
    kind: str
    pending: bool = False
    columns: tuple[str, ...] = ()


@dataclass
class TableComparison:
    """What the comparison of one table showed."""

    table: str
    name: str = ""
    version: int | None = None
    source_rows: int | None = None
    bronze_rows: int | None = None
    buckets: int = 0
    differences: list[KeyDifference] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)  # that are not what the ledger recorded
    unnamed: int = 0  # buckets that differ beyond those looked into
    seconds: float = 0
    error: str = ""

    @property
    def pending(self) -> bool:
        """Whether nothing differs but what the next batch brings."""
        return not (self.error or self.batches or self.unnamed) and all(item.pending for item in self.differences)

    @property
    def word(self) -> str:
        """`equal`, `differs` or `failed`."""
        return "failed" if self.error else "differs" if self.buckets or self.batches else "equal"


def run(
    settings: Settings,
    patterns: str | None = None,
    report: Callable[[TableComparison], None] = lambda verdict: None,
    section: Section | None = None,
) -> list[TableComparison]:
    """Compare every chosen table that bronze has.

    Args:
        section: the source, as sources.yml has it; SOURCE_DSN's by default.

    Raises:
        SourceError: the database can't be reached, or no table is chosen.
    """
    section = section or source_file.of(settings, source_file.load())
    settings = source_file.settings_of(settings, section)
    with kinds.find(section)(settings, section).at_one_moment(Request(patterns)) as reading:
        if not isinstance(reading, Comparable):
            raise SourceError(
                f"source {section.name}", f"is of kind {section.kind}, which can't be compared", remedy="Name the others by SOURCE"
            )
        planned = reading.plan(ledger.next_run_id(settings))
        verdicts = [TableComparison(each.label, error=each.error) for each in planned.refused]
        for verdict in verdicts:
            report(verdict)
        for plan in planned.plans:
            verdicts.append(_compare(settings, reading, plan))
            report(verdicts[-1])
    ledger.emit(settings, *(_record(settings, verdict) for verdict in verdicts))
    return verdicts


def _compare(settings: Settings, reading: Comparable, plan: TablePlan) -> TableComparison:
    started = time.monotonic()
    verdict = TableComparison(plan.label, plan.name, plan.bronze.version())
    first = f"Run make ingest TABLES={plan.label} first."
    try:
        if plan.seen is None:
            verdict.error = f"{plan.label}: was never copied. {_last_failure(settings, plan) or first}"
        elif plan.changes:
            verdict.error = f"{plan.label}: its columns changed: {', '.join(map(str, plan.changes))}. {first}"
        elif plan.remapped:
            verdict.error = f"{plan.label}: {plan.reason}. {first}"
        else:
            _fill(verdict, reading, plan)
    except SourceError as error:
        verdict.error = str(error)
    except (ComportaError, OSError, duckdb.Error) as error:
        verdict.error = f"{plan.label}: {first_line(error)}"
    verdict.seconds = time.monotonic() - started
    return verdict


def _last_failure(settings: Settings, plan: TablePlan) -> str:
    """Why the last run did not copy the table, where one tried to."""
    rows = [row for row in ledger.rows(settings, "batches") if row["table_name"] == plan.name and row["error"]]
    newest = max(rows, key=lambda row: row["batch_id"], default=None)
    return f"The last run that tried said: {newest['error']}" if newest else ""


def _fill(verdict: TableComparison, reading: Comparable, plan: TablePlan) -> None:
    with reading.sides(plan) as (source, bronze):
        verdict.batches = reading.recorded(plan, bronze)
        here, there = source.sums(), bronze.sums()
        verdict.source_rows, verdict.bronze_rows = _rows(here), _rows(there)
        differing = sorted(bucket for bucket in here.keys() | there.keys() if here.get(bucket) != there.get(bucket))
        verdict.buckets = len(differing)
        if differing:
            verdict.unnamed = max(0, len(differing) - NAMED)
            verdict.differences = list(_differences(source, bronze, plan, differing[:NAMED]))


def _rows(sums: Sums) -> int:
    return sum(rows for rows, _ in sums.values())


def _differences(source: Side, bronze: Side, plan: TablePlan, buckets: list[int]) -> Iterator[KeyDifference]:
    here, there = source.rows(buckets), bronze.rows(buckets)
    keys = [key for key in {**here, **there} if _compared(here, key) != _compared(there, key)][:NAMED]
    unlike = [key for key in keys if _compared(here, key)[0] and _compared(there, key)[0] and here[key].times == there[key].times]
    fields = (source.fields(unlike), bronze.fields(unlike)) if unlike else ({}, {})
    for key in keys:
        if key in unlike:
            pairs = zip(plan.names, fields[0][key], fields[1][key], strict=True)
            yield KeyDifference(here[key].shown, "differs", here[key].pending, tuple(name for name, a, b in pairs if a != b))
        elif _compared(here, key)[0] > _compared(there, key)[0]:
            yield KeyDifference(here[key].shown, "missing", here[key].pending)
        else:
            yield KeyDifference(there[key].shown, "extra")


def _compared(rows: dict[str, RowDigest], key: str) -> tuple[int, int]:
    """How often the key stands on a side (without a key, more than once is no fault), and its row's number."""
    return (rows[key].times, rows[key].number) if key in rows else (0, 0)


def _record(settings: Settings, verdict: TableComparison) -> ReconciliationRecord:
    listed = [vars(item) for item in verdict.differences] + [{"batch": text} for text in verdict.batches]
    return ReconciliationRecord(
        source=settings.source(),
        source_table=verdict.table,
        table_name=verdict.name,
        delta_version=verdict.version,
        verdict=verdict.word,
        source_rows=verdict.source_rows,
        bronze_rows=verdict.bronze_rows,
        buckets=verdict.buckets,
        detail=verdict.error or json.dumps(listed),
        seconds=verdict.seconds,
    )
