"""Checks as conditions on a row, in SQL that DuckDB and Spark both understand.

The conditions are those of Great Expectations' own metrics for Spark (version 1.24), so that a check which holds here holds there.
A check has no form where its arguments are unusual, or where the two engines might not mean the same by it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations
from typing import Any

from expectations.suite import Check
from lakehouse.engines.dialect import NUMERIC, WHOLE, Dialect, Types

_SPACES = r" \t\n\x0B\f\r"  # what `\s` is to Java
_LINE_ENDS = r"\n\r\x{85}\x{2028}\x{2029}"  # what `.` is not, to Java
_TERM = re.compile(
    r"(?:not )?(?P<flag>\w+)|(?P<column>\w+) (?:(?P<null>is (?:not )?null)|(?:=|<>|<|>|<=|>=) (?:(?P<number>-?\d{1,9})|'[^'\\]*'))",
    re.ASCII | re.IGNORECASE,
)
_TOKEN = re.compile(r"\\[dws.+*?()\[\]{}|/^$-]|[^\\&]", re.ASCII)


def for_re2(regex: str) -> str | None:
    """`regex`, which is Java's, such that RE2 finds nothing that Java would not; None for what the two read differently.

    RE2's `$` is narrower than Java's, which also holds before a last line end.
    """
    tokens = _TOKEN.findall(regex)
    if "".join(tokens) != regex or "(?" in regex:
        return None
    made, within = [], False
    for token in tokens:
        if token == "[" and within:
            return None  # a class within a class is a union to Java
        within = token == "[" or (within and token != "]")
        if token == "." and not within:
            token = f"[^{_LINE_ENDS}]"
        elif token == r"\s":
            token = _SPACES if within else f"[{_SPACES}]"
        made.append(token)
    return "".join(made)


@dataclass(frozen=True)
class Form:
    """A check as conditions on a row; one with a `key` counts rows whose key is there more than once."""

    within: str  # the rows it looks at
    missing: str | None = None
    unexpected: str = "false"
    key: tuple[str, ...] = ()
    exact: bool = True  # if not, it may find rows unexpected that are as expected, but never the other way round


def form_of(check: Check, types: Types, dialect: Dialect) -> Form | None:
    """The check as conditions; None where Great Expectations must judge itself."""
    make = _FORMS.get(check.expect)
    if make is None or not readable(check, types, dialect):
        return None
    return make(check, [types[name] for name in check.columns], dialect)


def readable(check: Check, types: Types, dialect: Dialect) -> bool:
    """Whether the check names plain columns that are there, and a `where` that means in this engine what it means in Spark."""
    plain = all(name in types and re.fullmatch(r"\w+", name) for name in check.columns)
    return bool(check.columns) and plain and (dialect.is_spark or same_where(check.where, types))


def same_where(where: str | None, types: Types) -> bool:
    """Whether the condition means the same in both engines: `a`, `not a`, `a is null`, `a > 5`, `a = 'x'`, joined by `and`."""
    return where is None or all(_same_term(term, types) for term in where.split(" and "))


def _same_term(term: str, types: Types) -> bool:
    found = _TERM.fullmatch(term.strip())
    if not found:
        return False
    kind = types.get(found["flag"] or found["column"], "").split("(")[0]
    if found["flag"]:
        return kind == "boolean"
    return bool(kind) if found["null"] else kind in NUMERIC if found["number"] else kind == "string"


def within(check: Check) -> str:
    """Condition of the rows that the check looks at."""
    return f"({check.where})" if check.where else "true"


def only(check: Check, *names: str) -> bool:
    """Whether the check has no arguments but columns and `names`."""
    return set(check.args) <= {"column", "column_A", "column_B", "column_list", *names}


def _values(condition: Callable[[Check, str, str, Dialect], str | None]) -> Callable[[Check, list[str], Dialect], Form | None]:
    """A check on the values of one column, of which nulls are left out."""

    def make(check: Check, kinds: list[str], dialect: Dialect) -> Form | None:
        column = dialect.column(check.columns[0])
        expected = condition(check, column, kinds[0].split("(")[0], dialect)
        if not expected:
            return None
        unexpected = f"{column} is not null and not ({expected})"
        return Form(within(check), f"{column} is null", unexpected, exact=_same_end(check, dialect))

    return make


def _nulls(wanted: str) -> Callable[[Check, list[str], Dialect], Form | None]:
    def make(check: Check, _: list[str], dialect: Dialect) -> Form | None:
        return Form(within(check), None, f"{dialect.column(check.columns[0])} {wanted}") if only(check) else None

    return make


def _unique(check: Check, kinds: list[str], dialect: Dialect) -> Form | None:
    if not only(check) or not comparable(kinds, dialect):
        return None
    return Form(within(check), f"{dialect.column(check.columns[0])} is null", key=(check.columns[0],))


def _ignored(check: Check, dialect: Dialect) -> str | None:
    """Condition of the rows that a check on several columns leaves out for want of values; by default those without any."""
    nulls = [f"{dialect.column(name)} is null" for name in check.columns]
    none, some = " and ".join(nulls), " or ".join(nulls)
    said = check.args.get("ignore_row_if", "all_values_are_missing")
    return {
        "both_values_are_missing": none,
        "all_values_are_missing": none,
        "either_value_is_missing": some,
        "any_value_is_missing": some,
        "neither": "false",
        "never": "false",
    }.get(said)


def _compound_unique(check: Check, kinds: list[str], dialect: Dialect) -> Form | None:
    ignored = _ignored(check, dialect)
    if ignored is None or not only(check, "ignore_row_if") or not comparable(kinds, dialect):
        return None
    return Form(within(check), ignored, key=tuple(check.columns))


def comparable(kinds: list[str], dialect: Dialect) -> bool:
    """Whether equal values are the same ones in both engines: NaN and the two zeros are not sure to be."""
    return dialect.is_spark or not {"float", "double"} & set(kinds)


def _pair_greater(check: Check, kinds: list[str], dialect: Dialect) -> Form | None:
    a, b = map(dialect.column, check.columns)
    ignored = _ignored(check, dialect)
    if ignored is None or kinds[0] != kinds[1] or not only(check, "or_equal", "ignore_row_if"):
        return None
    expected = f"{a} >= {b} or {a} is not distinct from {b}" if check.args.get("or_equal") else f"{a} > {b}"
    return Form(within(check), ignored, f"not ({ignored}) and not ({expected})")


def _pair_equal(check: Check, kinds: list[str], dialect: Dialect) -> Form | None:
    a, b = map(dialect.column, check.columns)
    ignored = _ignored(check, dialect)
    if ignored is None or kinds[0] != kinds[1] or not only(check, "ignore_row_if") or not comparable(kinds, dialect):
        return None
    return Form(within(check), ignored, f"not ({ignored}) and {a} is distinct from {b}")


def _within_record(equal: bool) -> Callable[[Check, list[str], Dialect], Form | None]:
    """The columns of a row among themselves: all equal, or each pair of them different; nulls are values."""

    def make(check: Check, kinds: list[str], dialect: Dialect) -> Form | None:
        ignored = _ignored(check, dialect)
        usual = len(kinds) > 1 and len({*kinds}) == 1 and only(check, "ignore_row_if") and comparable(kinds, dialect)
        if ignored is None or not usual:
            return None
        said, first = [dialect.column(name) for name in check.columns], dialect.column(check.columns[0])
        if equal:
            unexpected = " or ".join(f"{first} is distinct from {other}" for other in said[1:])
        else:
            unexpected = " or ".join(f"{one} is not distinct from {other}" for one, other in combinations(said, 2))
        return Form(within(check), ignored, f"not ({ignored}) and ({unexpected})")

    return make


def _in_set(check: Check, column: str, kind: str, dialect: Dialect) -> str | None:
    values = check.args.get("value_set")
    if not only(check, "value_set") or not plain_set(values, kind):
        return None
    return f"{column} in ({', '.join(map(dialect.literal, values or ()))})"


def plain_set(values: Any, kind: str) -> bool:
    """Whether `values` is a list of values of the column's type, about whose equality no two engines differ."""
    fits = {str: kind == "string", bool: kind == "boolean", int: kind in WHOLE}
    return isinstance(values, list) and bool(values) and all(fits.get(type(value), False) for value in values)


def _not_in_set(check: Check, column: str, kind: str, dialect: Dialect) -> str | None:
    expected = _in_set(check, column, kind, dialect)
    return expected and f"not ({expected})"


def _between(check: Check, column: str, kind: str, dialect: Dialect) -> str | None:
    if kind in NUMERIC:
        return _bounds(check, column, (int, float), dialect)
    bounds = [str(bound) for name in ("min_value", "max_value") if (bound := check.args.get(name)) is not None]
    day = all(re.fullmatch(r"\d{4}-\d\d-\d\d", bound) for bound in bounds)
    moment = all(re.fullmatch(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", bound) for bound in bounds)
    # The client's session and the server's have one time zone, UTC; DuckDB's is its own.
    fits = (kind == "date" and day) or (kind == "timestamp" and moment and dialect.is_spark)
    return _bounds(check, column, (str, date, datetime), dialect) if fits else None


def _length(check: Check, column: str, kind: str, dialect: Dialect) -> str | None:
    return _bounds(check, f"length({column})", (int,), dialect) if kind == "string" else None


def _length_is(check: Check, column: str, kind: str, dialect: Dialect) -> str | None:
    value = check.args.get("value")
    return f"length({column}) = {value}" if kind == "string" and type(value) is int and only(check, "value") else None


def _bounds(check: Check, value: str, family: tuple[type, ...], dialect: Dialect) -> str | None:
    args = check.args
    sides = ((">", args.get("min_value"), "strict_min"), ("<", args.get("max_value"), "strict_max"))
    given = [(sign, bound, args.get(strict)) for sign, bound, strict in sides if bound is not None]
    known = only(check, "min_value", "max_value", "strict_min", "strict_max")
    if not given or not known or not all(type(bound) in family for _, bound, _ in given):
        return None
    return " and ".join(f"{value} {sign}{'' if strict else '='} {dialect.literal(bound)}" for sign, bound, strict in given)


def _regex(check: Check, column: str, kind: str, dialect: Dialect) -> str | None:
    regex = check.args.get("regex")
    return _found(regex, column, dialect) if kind == "string" and only(check, "regex") else None


def _found(regex: Any, column: str, dialect: Dialect) -> str | None:
    said = regex if dialect.is_spark else for_re2(regex) if isinstance(regex, str) else None
    return dialect.matches.format(column=column, regex=dialect.literal(said)) if isinstance(said, str) else None


def _not_regex(check: Check, column: str, kind: str, dialect: Dialect) -> str | None:
    expected = _regex(check, column, kind, dialect)
    return f"not ({expected})" if expected and _same_end(check, dialect) else None


def _same_end(check: Check, dialect: Dialect) -> bool:
    """Whether no regular expression has a `$`, which RE2 finds in fewer texts."""
    return dialect.is_spark or "$" not in str(check.args)


def _regexes(check: Check, column: str, kind: str, dialect: Dialect) -> str | None:
    match_on, listed = check.args.get("match_on", "any"), _listed(check, column, dialect)
    if kind != "string" or listed is None or match_on not in ("any", "all") or not only(check, "regex_list", "match_on"):
        return None
    if match_on == "any" and any(re.search(r"\(\?|\\\d", regex) for regex in check.args["regex_list"]):
        return None  # Great Expectations joins them by `|` into one
    return (" or " if match_on == "any" else " and ").join(listed)


def _not_regexes(check: Check, column: str, kind: str, dialect: Dialect) -> str | None:
    listed = _listed(check, column, dialect)
    if kind != "string" or listed is None or not only(check, "regex_list") or not _same_end(check, dialect):
        return None
    return " and ".join(f"not ({expected})" for expected in listed)


def _listed(check: Check, column: str, dialect: Dialect) -> list[str] | None:
    given = check.args.get("regex_list")
    if not isinstance(given, list) or not given or not all(isinstance(regex, str) for regex in given):
        return None
    found = [said for regex in given if (said := _found(regex, column, dialect))]
    return found if len(found) == len(given) else None


_FORMS: dict[str, Callable[[Check, list[str], Dialect], Form | None]] = {
    "expect_column_values_to_not_be_null": _nulls("is null"),
    "expect_column_values_to_be_null": _nulls("is not null"),
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _compound_unique,
    "expect_column_pair_values_a_to_be_greater_than_b": _pair_greater,
    "expect_column_values_to_be_in_set": _values(_in_set),
    "expect_column_values_to_not_be_in_set": _values(_not_in_set),
    "expect_column_values_to_be_between": _values(_between),
    "expect_column_value_lengths_to_be_between": _values(_length),
    "expect_column_value_lengths_to_equal": _values(_length_is),
    "expect_column_values_to_match_regex": _values(_regex),
    "expect_column_values_to_not_match_regex": _values(_not_regex),
    "expect_column_values_to_match_regex_list": _values(_regexes),
    "expect_column_values_to_not_match_regex_list": _values(_not_regexes),
    "expect_column_pair_values_to_be_equal": _pair_equal,
    "expect_select_column_values_to_be_unique_within_record": _within_record(equal=False),
    "expect_multicolumn_values_to_be_equal": _within_record(equal=True),
}
# Types that can be put to one row alone.
ROWWISE = frozenset(_FORMS) - {"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"}
