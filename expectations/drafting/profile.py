"""What the rows of a table look like, column by column: counts, never the rows themselves. One query, and one a column of few values."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lakehouse import values
from lakehouse.engines.dialect import NUMERIC, Dialect, Engine, Types

UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
PATTERNS = {
    "a uuid": UUID,
    "an e-mail address": EMAIL,
    "a code of two letters": r"^[A-Z]{2}$",
    "a code of three letters": r"^[A-Z]{3}$",
}
MOST_VALUES = 20  # of a column that may be listed as a set
# Lower or upper case without spaces: `shipped`, `EUR`, `in-transit`; nothing that looks like a name or a sentence.
_CODE = re.compile(r"(?=.{1,20}$)([a-z][a-z0-9]*([_-][a-z0-9]+)*|[A-Z0-9]+([_-][A-Z0-9]+)*)", re.ASCII)
_FEWEST = 3  # rows that share a value: what fewer have might be about somebody
_PERSONAL = re.compile(
    r"name|mail|phone|mobile|street|address|city|zip|post|birth|gender|sex|iban|bic|card|passport|tax|ssn|user|login|passw|secret|token"
    r"|note|comment|text|descri|title|contact|person|relig|health|nation|race|^ip$|^ip_|_ip$",
    re.IGNORECASE,
)
TIMES = ("date", "timestamp", "timestamp_ntz")


@dataclass(frozen=True)
class ColumnProfile:
    """What was seen of one column."""

    name: str
    kind: str  # Delta's name of its type, without digits and elements: decimal, array
    filled: int  # rows with a value
    distinct: int = 0  # about so many different values
    low: float | None = None  # of numbers
    high: float | None = None
    nan: int = 0
    newest: datetime | None = None  # of times, in UTC
    shortest: int | None = None  # characters of texts
    longest: int | None = None
    trues: int = 0
    matching: Mapping[str, int] = field(default_factory=dict)  # pattern to rows that match it
    codes: tuple[str, ...] = ()  # all values, if they are few short codes that are no one's own


@dataclass(frozen=True)
class Profile:
    """Rows that were looked at, and their columns."""

    rows: int
    columns: dict[str, ColumnProfile]


def take(engine: Engine, types: Types) -> Profile:
    """Profile the rows of `engine`."""
    wanted = {
        name: _wanted(engine.dialect, engine.dialect.column(name), kind.split("(")[0].split("<")[0]) for name, kind in types.items()
    }
    asked = [expression for each in wanted.values() for expression in each.values()]
    [(rows, *answers)] = (list(row) for row in engine.ask(f"select {', '.join(['count(*)', *asked])} from ({engine.rows})"))
    columns = {}
    for name, kind in types.items():
        found = {fact: answers.pop(0) for fact in wanted[name]}
        columns[name] = _column(engine, name, kind.split("(")[0].split("<")[0], found)
    return Profile(int(rows), columns)


def _wanted(dialect: Dialect, column: str, kind: str) -> dict[str, str]:
    """Facts about a column of this kind, and the aggregates that tell them."""
    found = {"filled": f"count({column})"}
    if kind in (*NUMERIC, *TIMES, "string"):
        found["distinct"] = f"approx_count_distinct({column})"
    if kind in NUMERIC:
        found |= {"low": f"cast(min({column}) as double)", "high": f"cast(max({column}) as double)"}
    if kind in ("float", "double"):
        found["nan"] = f"count(case when isnan({column}) then 1 end)"
    if kind in TIMES:
        found["newest"] = f"max({column})"
    if kind == "boolean":
        found["trues"] = f"count(case when {column} then 1 end)"
    if kind == "string":
        found |= {"shortest": f"min(length({column}))", "longest": f"max(length({column}))"}
        matches: Callable[[str], str] = lambda regex: dialect.matches.format(column=column, regex=dialect.literal(regex))  # noqa: E731
        found |= {regex: f"count(case when {matches(regex)} then 1 end)" for regex in PATTERNS.values()}
    return found


def _column(engine: Engine, name: str, kind: str, found: dict[str, Any]) -> ColumnProfile:
    matching = {regex: found.pop(regex) for regex in PATTERNS.values() if regex in found}
    if "newest" in found:
        found["newest"] = values.nearest(found["newest"])
    few = kind == "string" and 0 < found["distinct"] <= MOST_VALUES and (found["longest"] or 99) <= 20
    codes = _codes(engine, name, found["filled"]) if few and not _PERSONAL.search(name) else ()
    return ColumnProfile(name, kind, matching=matching, codes=codes, **found)


def _codes(engine: Engine, name: str, filled: int) -> tuple[str, ...]:
    column = engine.dialect.column(name)
    query = f"select {column}, count(*) from ({engine.rows}) where {column} is not null group by {column} limit {MOST_VALUES + 1}"
    found = [tuple(row) for row in engine.ask(query)]
    fit = all(count >= _FEWEST and _CODE.fullmatch(value) for value, count in found)
    return tuple(sorted(value for value, _ in found)) if fit and len(found) <= MOST_VALUES and filled >= 10 * len(found) else ()
