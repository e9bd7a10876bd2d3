"""All checks of a table in one query: of conditions on a row, how many rows are unexpected; of figures, their values.

Great Expectations asks Spark once or more for every check; here a table is asked once for all that have a form as conditions or
metrics, and once more for a few rows of each check that does not hold. What has neither form is left to Great Expectations.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from expectations.compile.condition import Form, form_of
from expectations.compile.metric import MetricPlan, counted, plan_of
from expectations.suite import Check
from lakehouse.engines.dialect import Engine, Types

_PARTS = 30  # queries in one: a join of some hundred is a plan too deep for Spark, whose process ends of that


@dataclass(frozen=True)
class Counts:
    """Rows that a check looks at, those it ignores for want of a value (None: nulls are what it is about), and unexpected ones."""

    elements: int
    missing: int | None
    unexpected: int
    form: Form
    engine: Engine

    def hold(self, mostly: float, tolerance: int = 0) -> bool:
        """Whether enough rows are as expected: a share, or all but a number; no rows at all are."""
        considered = self.elements - (self.missing or 0)
        return (
            considered == 0
            or self.unexpected <= tolerance
            or (float(considered) - float(self.unexpected)) / float(considered) >= mostly
        )


Enough = Callable[[int], tuple[float, int]]  # of a check's number: the share of rows that is enough, or the rows let through
Found = Counts | dict[str, Any]  # or Great Expectations' metrics


def measure(engines: Sequence[Engine], types: Types, checks: Mapping[int, Check], enough: Enough) -> tuple[int, dict[int, Found]]:
    """Ask each engine once for what those before it could not say.

    Args:
        engines: at least one; what one can't read, or where a condition breaks, the next is asked.
        types: of the columns.
        checks: by any number.
        enough: how many rows must be as expected; asked where an engine's condition is narrower than Great Expectations'.
    Returns:
        the number of rows, and what was found of those checks that have a form.
    Raises:
        what the last engine raised, if none could count the rows.
    """
    rows: int | None = None
    found: dict[int, Found] = {}
    problem: Exception | None = None
    for engine in engines:
        left = {number: check for number, check in checks.items() if number not in found}
        forms = {number: made for number, check in left.items() if (made := form_of(check, types, engine.dialect))}
        plans = {number: plan for number, check in left.items() if (plan := plan_of(check, types, engine.dialect))}
        if rows is not None and not forms and not plans:
            continue
        for asked in ((forms, plans), (forms, {}), ({}, {})):  # one figure or condition that breaks breaks the query
            try:
                rows, more = _asked(engine, *asked)
            except Exception as error:
                problem = error
            else:
                found |= {number: one for number, one in more.items() if _sure(one, enough(number))}
                break
    if rows is None:
        raise problem or ValueError("no engine to ask")
    return rows, found


def _sure(found: Found, enough: tuple[float, int]) -> bool:
    return isinstance(found, dict) or found.form.exact or found.hold(*enough)


class _Query:
    """One row of answers; what is asked twice is computed once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._columns: dict[str, int] = {}
        self._apart: dict[str, int] = {}

    def column(self, aggregate: str) -> tuple[bool, int]:
        """Ask for an aggregate over all rows; where its answer will be."""
        return False, self._columns.setdefault(aggregate, len(self._columns))

    def apart(self, query: str) -> tuple[bool, int]:
        """Ask for the one value of a query over `{rows}`; where its answer will be."""
        return True, self._apart.setdefault(query.replace("{rows}", self._engine.rows), len(self._apart))

    def run(self) -> Callable[[tuple[bool, int]], Any]:
        """The answer at a place."""
        columns = ", ".join(f"{sql} as c{place}" for sql, place in self._columns.items())
        parts = [f"(select {columns} from ({self._engine.rows})) as a"]
        parts += [f"({sql}) as b{place}(d{place})" for sql, place in self._apart.items()]
        found: list[Any] = []
        for first in range(0, len(parts), _PARTS):
            [row] = self._engine.ask(f"select * from {' cross join '.join(parts[first : first + _PARTS])}")
            found += row
        return lambda place: found[place[1] + place[0] * len(self._columns)]


def _asked(engine: Engine, forms: Mapping[int, Form], plans: Mapping[int, MetricPlan]) -> tuple[int, dict[int, Found]]:
    query = _Query(engine)
    total = query.column("count(*)")
    counts = {number: _count(query, engine, form) for number, form in forms.items()}
    figures = {
        number: [*map(query.column, plan.columns), *(query.apart(sql) for sql in plan.apart)] for number, plan in plans.items()
    }
    answer = query.run()
    found: dict[int, Found] = {}
    for number, form in forms.items():
        elements, missing, unexpected = (place and int(answer(place)) for place in counts[number])
        found[number] = Counts(elements=elements or 0, missing=missing, unexpected=unexpected or 0, form=form, engine=engine)
    for number, plan in plans.items():
        found[number] = plan.metrics([answer(place) for place in figures[number]])
    return int(answer(total)), found


def _count(query: _Query, engine: Engine, form: Form) -> list[tuple[bool, int] | None]:
    missing = None if form.missing is None else query.column(counted(_both(form.within, form.missing)))
    if form.key:
        unexpected = query.apart(f"select coalesce(sum(again), 0) from ({_groups(engine, form, 'count(*) as again')})")
    else:
        unexpected = query.column(counted(_both(form.within, form.unexpected)))
    return [query.column(counted(form.within)), missing, unexpected]


def _both(within: str, condition: str) -> str:
    # `case` and not `and`: what a check does not look at is not evaluated, so it can't overflow there.
    return condition if within == "true" else f"case when {within} then {condition} end"


def _groups(engine: Engine, form: Form, select: str) -> str:
    key = ", ".join(map(engine.dialect.column, form.key))
    return f"select {select} from ({{rows}}) where {_kept(form)} group by {key} having count(*) > 1"


def _kept(form: Form) -> str:
    return f"{form.within} and not ({form.missing})"


def samples(failed: Mapping[int, tuple[Counts, Sequence[str]]], types: Types, limit: int) -> dict[int, list[dict[str, Any]]]:
    """A few unexpected rows of each check, asked of each engine at once.

    Args:
        failed: by any number: what was counted, and the columns (of plain names) that are wanted.
    Returns:
        rows of those that could be asked.
    """
    found: dict[int, list[dict[str, Any]]] = {}
    for engine in {id(counts.engine): counts.engine for counts, _ in failed.values()}.values():
        query = _Query(engine)
        query.column("count(*)")
        wanted = {number: columns for number, (counts, columns) in failed.items() if counts.engine is engine}
        places = {
            n: query.apart(_sample(failed[n][0].form, engine, columns=columns, types=types, limit=limit))
            for n, columns in wanted.items()
        }
        with suppress(Exception):  # Great Expectations will find them
            answer = query.run()
            for number, place in places.items():
                rows = [row.asDict() if hasattr(row, "asDict") else row for row in answer(place) or []]
                found[number] = [dict(zip(wanted[number], row.values(), strict=True)) for row in rows]
    return found


def _sample(form: Form, engine: Engine, columns: Sequence[str], types: Types, limit: int) -> str:
    named = {
        f"s{number}": engine.dialect.shown(f"c.{engine.dialect.column(name)}", types.get(name, ""))
        for number, name in enumerate(columns)
    }
    if form.key:
        key = [engine.dialect.column(name) for name in form.key]
        groups = _groups(engine, form, ", ".join(key)) + f" limit {limit}"
        same = " and ".join(f"c.{name} is not distinct from g.{name}" for name in key)
        rows = f"(select * from ({{rows}}) where {_kept(form)}) as c join ({groups}) as g on {same}"
    else:
        rows = f"(select * from ({{rows}}) where {_both(form.within, form.unexpected)}) as c"
    few = f"select {', '.join(f'{sql} as {name}' for name, sql in named.items())} from {rows} limit {limit}"
    return f"select {engine.dialect.gather(named)} from ({few})"
