"""All checks of a table as counts in one query: how many rows each looks at, and how many of them it finds unexpected.

Great Expectations asks Spark once or more for every check; here a table is asked once for all that have a form as conditions.
A check that does not hold, or has no form, is left to Great Expectations itself, which then also finds the rows: this module can
only say "it holds".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expectations.condition import Dialect, Form, Types, form_of
from expectations.suite import Check

Ask = Callable[[str], Iterable[Iterable[Any]]]  # runs a query


@dataclass(frozen=True)
class Engine:
    """Who can be asked about a table's rows."""

    ask: Ask
    rows: str  # the query whose rows are judged
    dialect: Dialect


@dataclass(frozen=True)
class Counts:
    """Rows that a check looks at, those it ignores for want of a value (None: nulls are what it is about), and unexpected ones."""

    elements: int
    missing: int | None
    unexpected: int

    def hold(self, mostly: float, tolerance: int = 0) -> bool:
        """Whether enough rows are as expected: a share, or all but a number; no rows at all are."""
        considered = self.elements - (self.missing or 0)
        return (
            considered == 0
            or self.unexpected <= tolerance
            or (float(considered) - float(self.unexpected)) / float(considered) >= mostly
        )

    def result(self) -> dict[str, Any]:
        """As Great Expectations puts it in a result."""
        considered = self.elements - (self.missing or 0)
        percent = 100 * self.unexpected / considered if considered else 0.0
        found: dict[str, Any] = {
            "element_count": self.elements, "unexpected_count": self.unexpected, "unexpected_percent": percent,
            "partial_unexpected_list": [],
        }  # fmt: skip
        if self.missing is not None:
            found |= {
                "missing_count": self.missing,
                "missing_percent": 100 * self.missing / self.elements if self.elements else 0.0,
                "unexpected_percent_total": 100 * self.unexpected / self.elements if self.elements else 0.0,
                "unexpected_percent_nonmissing": percent,
            }
        return found


def measure(engines: Sequence[Engine], types: Types, checks: Mapping[int, Check]) -> tuple[int, dict[int, Counts]]:
    """Ask each engine once for what those before it could not say.

    Args:
        engines: at least one; what one can't read, or where a condition breaks, the next is asked.
        types: of the columns.
        checks: by any number.
    Returns:
        the number of rows, and the counts of those checks that have a form.
    Raises:
        what the last engine raised, if none could count the rows.
    """
    rows: int | None = None
    found: dict[int, Counts] = {}
    problem: Exception | None = None
    for engine in engines:
        left = {number: check for number, check in checks.items() if number not in found}
        forms = {number: made for number, check in left.items() if (made := form_of(check, types, engine.dialect))}
        if rows is not None and not forms:
            continue
        for asked in (forms, {}):  # one condition that breaks breaks the query: then the rows alone
            try:
                rows, more = _counts(engine, asked)
            except Exception as error:
                problem = error
            else:
                found |= more
                break
    if rows is None:
        raise problem or ValueError("no engine to ask")
    return rows, found


def _counts(engine: Engine, forms: Mapping[int, Form]) -> tuple[int, dict[int, Counts]]:
    wanted = ["count(*)", *(each for form in forms.values() for each in _aggregates(form))]
    asked = [f"select 0 as number, {_array(wanted, engine.dialect)} as found from ({engine.rows})"]
    asked += [_repeated(engine, number, form) for number, form in forms.items() if form.key]
    answers = {number: list(found) for number, found in engine.ask(" union all ".join(asked))}
    total, *numbers = answers.pop(0)
    found = {}
    for place, (number, form) in enumerate(forms.items()):
        elements, missing, unexpected = numbers[3 * place : 3 * place + 3]
        unexpected = answers[number][0] if form.key else unexpected
        found[number] = Counts(elements, None if form.missing is None else missing, unexpected)
    return total, found


def _array(each: list[str], dialect: Dialect) -> str:
    return f"array({', '.join(each)})" if dialect.is_spark else f"[{', '.join(each)}]"


def _aggregates(form: Form) -> list[str]:
    # `case` and not `and`: what a check does not look at is not evaluated, so it can't overflow there.
    conditions = ("true", form.missing or "false", form.unexpected)
    return [f"count(case when {form.within} then case when {condition} then 1 end end)" for condition in conditions]


def _repeated(engine: Engine, number: int, form: Form) -> str:
    key = ", ".join(map(engine.dialect.column, form.key))
    kept = f"{form.within} and not ({form.missing})"
    groups = f"select count(*) as again from ({engine.rows}) where {kept} group by {key} having count(*) > 1"
    found = _array(["cast(coalesce(sum(again), 0) as bigint)"], engine.dialect)
    return f"select {number} as number, {found} as found from ({groups})"
