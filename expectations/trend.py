"""What each check saw, passed ones too, as little as a chart needs of it."""

import json
from collections.abc import Iterable

from expectations.verdict import CheckOutcome


def noted(outcomes: Iterable[CheckOutcome]) -> str:
    """The ledger's `checks`: a JSON list in the suite's order of

    [check, column, held (null: not evaluated), unexpected rows, rows looked at, observed value if it is a number]
    """
    return json.dumps([_line(outcome) for outcome in outcomes], separators=(",", ":"), ensure_ascii=False)


def _line(outcome: CheckOutcome) -> list[object]:
    held = None if outcome.error else outcome.success
    seen = outcome.observed if isinstance(outcome.observed, int | float) and not isinstance(outcome.observed, bool) else None
    line: list[object] = [outcome.check, outcome.column, held, outcome.unexpected_count, outcome.considered, seen]
    while line[-1] is None and len(line) > 3:
        line.pop()
    return line
