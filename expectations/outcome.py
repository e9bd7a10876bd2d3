"""What Great Expectations says of one check, as an outcome of ours: whether it holds, its figures, some rows, or why it broke."""

import json
from typing import Any

from expectations.suite import Check, Suite
from expectations.verdict import CheckOutcome
from lakehouse import values
from lakehouse.redaction import first_line

SAMPLES = 5
_ELEMENTS = 20  # of one list
TEXT = 300  # characters of one value or message: a ledger row is for reading


def plain(value: Any) -> Any:
    """`value` as JSON can hold it, and short."""
    return values.plain(value, _ELEMENTS, TEXT)


def raised(result: Any) -> str:
    """The message of the exception that a check ended with; empty if none."""
    info = result.exception_info or {}
    each = [info] if "raised_exception" in info else [one for one in info.values() if isinstance(one, dict)]
    raised = [one for one in each if one.get("raised_exception")]
    if not raised:
        return ""
    message = str(raised[0].get("exception_message") or "unknown error").strip()
    return first_line(message, TEXT)


def outcome(number: int, check: Check, suite: Suite, result: Any) -> CheckOutcome:
    found = result.result or {}
    rows = found.get("partial_unexpected_index_list") or found.get("partial_unexpected_list") or _unexpected_rows(found)
    return CheckOutcome(
        number=number,
        check=check.expect,
        severity=check.severity,
        success=bool(result.success),
        column=", ".join(check.columns),
        owner=check.owner or suite.owner,
        why=check.why or "",
        where=check.where or "",
        observed=_observed(found),
        unexpected_count=found.get("unexpected_count"),
        considered=_considered(found),
        sample=tuple(plain(row) for row in rows[:SAMPLES]),
        error=raised(result),
    )


def _considered(found: dict[str, Any]) -> int | None:
    elements = found.get("element_count")
    return None if elements is None else int(elements) - int(found.get("missing_count") or 0)


def _unexpected_rows(found: dict[str, Any]) -> list[Any]:
    details = found.get("details")
    return list(details.get("unexpected_rows") or []) if isinstance(details, dict) else []


def _observed(found: dict[str, Any]) -> Any:
    if "observed_value" in found:
        return plain(found["observed_value"])
    percent = found.get("unexpected_percent")
    if percent is None:
        return None
    return f"{percent:.4g} % of {found.get('element_count', 0)} rows unexpected"


def dumps(outcomes: tuple[CheckOutcome, ...]) -> str:
    """The ledger's `failures`."""
    return json.dumps([outcome.record() for outcome in outcomes], ensure_ascii=False, default=str)
