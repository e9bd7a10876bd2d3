"""Verdicts and the tables that they are about, as their pages show them: pure, from rows of the ledger."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from docs_site import trend, verdict
from docs_site.page import Failure, State, Strip
from docs_site.words import amount, percent
from lakehouse.pages import address

Row = Mapping[str, Any]
Exists = Callable[[str], bool]
SHOWN = 100  # verdicts that a list or a chart shows: more can't be told apart
_STRIP = 30
_COURSE = 50  # a check's drawing is a thumb wide, and reading what each check saw is most of a table page's cost


class CheckResult(NamedTuple):  # thousands are made for a chart: a frozen dataclass takes four times as long
    """What one check saw in one verdict; `held` is None if it could not be evaluated."""

    check: str
    column: str
    held: bool | None
    unexpected: int | None = None
    considered: int | None = None
    observed: float | None = None

    @property
    def share(self) -> float | None:
        """Percent of the rows that it looked at that were unexpected."""
        if self.unexpected is None or self.considered is None:
            return None
        return 100 * self.unexpected / self.considered if self.considered else 0.0

    @property
    def words(self) -> str:
        """What it saw: `0.02 % of 1,204 rows`, `17`, or nothing that is a number."""
        if self.share is not None:
            return f"{percent(self.share)} of {self.considered:,} rows"
        return "" if self.observed is None else amount(self.observed)


@dataclass(frozen=True)
class VerdictRow:
    """One verdict as a line of a list."""

    path: str
    layer: str
    table: str
    state: State
    at: datetime
    version: int | None
    rows: int | None
    ran: int
    declared: int
    seconds: float | None
    failing: tuple[str, ...]


@dataclass(frozen=True)
class VerdictDetail:
    """One verdict with all that the ledger has of it."""

    line: VerdictRow
    failures: tuple[Failure, ...]
    checks: tuple[CheckResult, ...]
    facts: tuple[tuple[str, str], ...]
    evidence: str  # the page of Great Expectations, from the site's folder; empty where there is none
    previous: str
    table_path: str


@dataclass(frozen=True)
class CheckTrend:
    """One check over the verdicts of its table, oldest first."""

    anchor: str
    check: str
    column: str
    latest: CheckResult
    unit: str  # % | "": what the line shows
    line: trend.Line
    failed: int
    of: int

    @property
    def range(self) -> str:
        """`0 % to 6.93 % unexpected`, `50 to 62`; nothing where nothing is a number."""
        if self.line.low is None or self.line.high is None:
            return ""
        told = percent if self.unit else amount
        ends = dict.fromkeys((told(self.line.low), told(self.line.high)))
        return " to ".join(ends) + (" unexpected" if self.unit else "")


@dataclass(frozen=True)
class TableHistory:
    """One table: how it fared, check by check, and its last verdicts, newest first."""

    layer: str
    name: str
    owner: str
    latest: VerdictRow
    since: datetime
    count: int
    rows: trend.Line
    failing: trend.Bars
    courses: tuple[CheckTrend, ...]
    lines: tuple[VerdictRow, ...]
    older: str  # the page of the verdicts before; empty if there are none
    lately: tuple[int, int]  # of the verdicts shown, those that let the table through


def strip(rows: Sequence[Row]) -> Strip:
    """Of the verdicts of one table, oldest first."""
    return Strip(tuple(verdict.state(row) for row in rows[-_STRIP:]))


def line(row: Row) -> VerdictRow:
    """A verdict in a list."""
    failing = tuple(failure.named for failure in verdict.failures(row)) if row["failures"] not in (None, "[]") else ()
    return VerdictRow(
        path=address.verdict(row),
        layer=row["layer"],
        table=row["table_name"],
        state=verdict.state(row),
        at=row["at"],
        version=row["delta_version"],
        rows=row["rows_seen"],
        ran=row["ran"] or 0,
        declared=row["declared"] or 0,
        seconds=row["seconds"],
        failing=failing,
    )


def whole(row: Row, previous: Row | None, exists: Exists) -> VerdictDetail:
    """A verdict on its own page; `previous` is the one before it over the same table."""
    said = {
        "owner": row["owner"],
        "suite": row["suite_hash"],
        "judged by": row["judged_by"],
        "run": row["run_id"],
        "rows in quarantine": row["quarantined"] or None,
        "verdict": row["verdict_id"],
    }
    facts = tuple((name, str(value)) for name, value in said.items() if value not in (None, ""))
    return VerdictDetail(
        line=line(row),
        failures=verdict.failures(row),
        checks=checks(row),
        facts=facts,
        evidence=verdict.href(row["page"] or "", exists),
        previous=address.verdict(previous) if previous else "",
        table_path=address.table(row["layer"], row["table_name"]),
    )


def checks(row: Row) -> tuple[CheckResult, ...]:
    """What each check saw; nothing of a verdict that was noted before the ledger kept it, or that can't be read."""
    try:
        found = json.loads(row["checks"] or "[]")
    except ValueError:
        return ()
    return tuple(_seen(one) for one in found if isinstance(one, list) and len(one) >= 3) if isinstance(found, list) else ()


def _seen(one: list[Any]) -> CheckResult:
    check, column, held, unexpected, considered, observed = (*one, None, None, None)[:6]
    return CheckResult(
        check=str(check),
        column=str(column),
        held=held if type(held) is bool else None,
        unexpected=unexpected if type(unexpected) is int else None,
        considered=considered if type(considered) is int else None,
        observed=_number(observed),
    )


def _number(each: Any) -> float | None:
    good = isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each)
    return each if good else None


def table(rows: Sequence[Row], older: str) -> TableHistory:
    """The page of one table from all of its verdicts, oldest first; at least one."""
    shown = rows[-SHOWN:]
    lines = [line(row) for row in shown]
    passed = sum(each.state in ("passed", "warned") for each in lines)
    owners = [row["owner"] for row in shown if row["owner"]]
    bad = [each.state in ("failed", "errored") for each in lines]
    critical, warning = ([row[f"failed_{severity}"] or 0 for row in shown] for severity in ("critical", "warning"))
    return TableHistory(
        layer=lines[-1].layer,
        name=lines[-1].table,
        owner=owners[-1] if owners else "",
        latest=lines[-1],
        since=rows[0]["at"],
        count=len(rows),
        rows=trend.line([row["rows_seen"] for row in shown], bad, 600, 120),
        failing=trend.bars(critical, warning, 600, 120),
        courses=courses(shown[-_COURSE:]),
        lines=tuple(reversed(lines)),
        older=older,
        lately=(passed, len(lines)),
    )


def courses(rows: Iterable[Row]) -> tuple[CheckTrend, ...]:
    """The checks of the latest verdict that noted any, in the suite's order, each with its course over `rows`."""
    noted = [found for row in rows if (found := _by_name(checks(row)))]
    return tuple(_course(name, [found.get(name) for found in noted]) for name in noted[-1]) if noted else ()


def _by_name(seen: Iterable[CheckResult]) -> dict[tuple[str, str, int], CheckResult]:
    """By check, column, and which of several alike: a suite may ask the same of a column under two conditions."""
    found: dict[tuple[str, str, int], CheckResult] = {}
    twins: dict[tuple[str, str], int] = {}
    for one in seen:
        name = (one.check, one.column)
        twins[name] = twins.get(name, 0) + 1
        found[*name, twins[name]] = one
    return found


def _course(name: tuple[str, str, int], seen: Sequence[CheckResult | None]) -> CheckTrend:
    check, column, number = name
    there = [one for one in seen if one]
    has_share = any(one.share is not None for one in there)
    values = [None if one is None else one.share if has_share else one.observed for one in seen]
    bad = [one is not None and not one.held for one in seen]
    anchor = address.check(check, column if number == 1 else f"{column}-{number}")
    drawn = trend.line(values, bad, 160, 36)
    return CheckTrend(
        anchor=anchor,
        check=check,
        column=column,
        latest=there[-1],
        unit="%" if has_share else "",
        line=drawn,
        failed=sum(bad),
        of=len(there),
    )
