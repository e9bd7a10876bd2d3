"""Verdicts: what a table's checks amount to. Pure; no evidence is failure."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Word = Literal["passed", "failed", "errored"]


@dataclass(frozen=True)
class CheckOutcome:
    """What came of one check. `error` is set when it could not be evaluated; then `success` means nothing."""

    number: int  # 1-based position in the suite; 0: an exemption
    check: str
    severity: str  # critical | warning
    success: bool
    column: str = ""
    owner: str = ""
    why: str = ""
    where: str = ""
    observed: Any = None
    unexpected_count: int | None = None
    sample: tuple[Any, ...] = ()  # up to 5 offending rows or values
    error: str = ""
    quarantined: bool = False  # the unexpected rows were taken out, so that the rest may go on
    considered: int | None = None  # rows that it looked at, those without a value left out

    def record(self) -> dict[str, Any]:
        """As the ledger and the terminal show it; empty fields left out."""
        names = (
            "check",
            "column",
            "severity",
            "owner",
            "where",
            "observed",
            "unexpected_count",
            "sample",
            "why",
            "error",
            "quarantined",
        )
        found = {name: getattr(self, name) for name in names}
        found["sample"] = list(self.sample)
        return {
            name: value
            for name, value in found.items()
            if value not in (None, "", [], False) or name == "observed" and value is False
        }


@dataclass(frozen=True)
class Verdict:
    """The verdict over one version of one table."""

    layer: str
    table: str
    delta_version: int | None
    verdict: Word
    reason: str = ""  # why it errored, or why nothing was run
    declared: int = 0
    ran: int = 0
    passed_checks: int = 0
    failed_critical: int = 0
    failed_warning: int = 0
    rows_seen: int = 0
    suite_hash: str = ""
    failures: tuple[CheckOutcome, ...] = ()
    page: str = ""  # relative to the site; empty when nothing was run
    seconds: float = 0.0
    quarantined: int = 0  # pending rows that were taken out
    table_id: str = ""  # Delta's own, of the table that was judged
    basis: str = ""  # JSON: versions of other tables that were asked, and until when it holds
    unchanged: bool = field(default=False)  # an earlier verdict over this very release was taken again
    owner: str = ""  # of the suite
    checks: str = ""  # JSON: what each check saw
    verdict_id: str = field(default_factory=lambda: uuid.uuid4().hex, compare=False)

    @property
    def ok(self) -> bool:
        """Whether the table may be promoted."""
        return self.verdict == "passed"


@dataclass(frozen=True)
class Judgement:
    """The part of a verdict that follows from outcomes alone."""

    verdict: Word
    reason: str
    ran: int
    passed_checks: int
    failed_critical: int
    failed_warning: int
    failures: tuple[CheckOutcome, ...]


def judge(
    declared: int, outcomes: Sequence[CheckOutcome], rows_judged: int, allow_empty: bool, rows_promised: int = 0
) -> Judgement:
    """What `outcomes` of a suite of `declared` checks mean.

    errored: nothing declared, a check missing, twice or broken off, or no row judged (unless `allow_empty` and the ledger
    promised none either); failed: a critical check failed; passed: otherwise, warnings included. Great Expectations' own
    `success` is not asked: it passes empty suites and fails on warnings.
    """
    ran = [each for each in outcomes if not each.error]
    failed = [each for each in ran if not each.success]
    critical = sum(each.severity != "warning" for each in failed)
    reason = _no_evidence(declared, outcomes, rows=rows_judged, allow_empty=allow_empty, promised=rows_promised)
    word: Word = "errored" if reason else "failed" if critical else "passed"
    broken = [each for each in outcomes if each.error]
    return Judgement(
        verdict=word,
        reason=reason,
        ran=len(ran),
        passed_checks=len(ran) - len(failed),
        failed_critical=critical,
        failed_warning=len(failed) - critical,
        failures=tuple(broken + failed),
    )


def _no_evidence(declared: int, outcomes: Sequence[CheckOutcome], rows: int, allow_empty: bool, promised: int) -> str:
    broken = [each for each in outcomes if each.error]
    numbers = {each.number for each in outcomes}
    if not declared:
        return "no checks are declared"
    if broken:
        return f"{len(broken)} of {declared} checks could not be evaluated: {broken[0].check}: {broken[0].error}"
    if len(outcomes) != declared or numbers != set(range(1, declared + 1)):
        return f"{declared} checks declared, {len(numbers)} ran"
    if rows <= 0 and promised > 0:
        return f"no rows seen, although the ledger recorded {promised}"
    if rows <= 0 and not allow_empty:
        return "no rows seen: nothing was judged. Set allow_empty: true in the suite if the table may be empty"
    return ""
