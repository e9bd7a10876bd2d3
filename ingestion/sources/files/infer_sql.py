"""What kinds columns of text hold, asked in a few queries of DuckDB: what `infer.InferredColumn` says of the same values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.sources.files import infer
from ingestion.sources.files.casts import fits, with_digits
from ingestion.sources.files.infer import InferredColumn
from lakehouse.engines.standard import literal, quote

_MARKS = ", ".join(map(literal, sorted(infer.NULLS)))
_NULLS = f"'', {_MARKS}"
_COMPUTED = 12  # digits behind the point: what has more was computed, and is no amount that somebody wrote
Ask = Callable[[str], dict[str, Any]]  # answers the aggregates of a list for `select`, by their names


@dataclass(frozen=True)
class ColumnKinds:
    """A column's values in figures: `seen` as `InferredColumn` has it, and the digits of its numbers.

    Attributes:
        whole, fraction: the most digits before and behind the point, signs counted with them.
        is_double: whether doubles hold the numbers without a loss.
    """

    seen: InferredColumn
    whole: int = 0
    fraction: int = 0
    exponent: bool = False
    is_double: bool = False

    def kind(self, comma: bool) -> tuple[str, str]:
        """Kind, a number's with its digits, and why it is text, if somebody could expect another one.

        Args:
            comma: whether fractions stand behind a comma in this file.
        """
        kind, why = self.seen.kind(comma)
        if not kind.startswith("number"):
            return kind, why
        is_computed = self.exponent or (kind == "number" and self.fraction > _COMPUTED and self.is_double)
        return with_digits(kind, self.whole, self.fraction, is_computed), why


def kinds(ask: Ask, few: Ask, columns: Sequence[str]) -> dict[str, ColumnKinds]:
    """The kinds of some columns of text.

    Of each column the narrowest kind that its first rows allow is asked for; where some value does not fit it, the next.

    Args:
        ask: answers over all rows.
        few: … over the first of them.
    """
    may = _fitting(few, {column: list(infer.FITS) for column in columns})
    found: dict[str, list[str]] = {column: [] for column in columns}
    while left := {column: _narrowest(may[column]) for column in columns if may[column] and not found[column]}:
        for column, fitting in _fitting(ask, left).items():
            found[column] = fitting
            may[column] = [kind for kind in may[column] if kind not in left[column]]
    return _figures(ask, few, found)


def _narrowest(kinds_: Sequence[str]) -> list[str]:
    """The kinds that must be asked for together: a date that may be read in two ways is neither."""
    return [kind for kind in kinds_ if kind in ("day first", "month first")] if kinds_[0] == "day first" else [kinds_[0]]


def _fitting(ask: Ask, wanted: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Which of the wanted kinds all values of a column are of."""
    asked = {
        f"{column}.{kind}": f"bool_and({fits(column, kind)}) filter ({_is_plain(column)})"
        for column, each in wanted.items()
        for kind in each
    }
    row = ask(_listed(asked)) if asked else {}
    return {column: [kind for kind in each if row[f"{column}.{kind}"] is not False] for column, each in wanted.items()}


def _figures(ask: Ask, few: Ask, found: Mapping[str, Sequence[str]]) -> dict[str, ColumnKinds]:
    asked, hints = dict[str, str](), dict[str, str]()
    for column, fit in found.items():
        name, plain = quote(column), _is_plain(column)
        asked[f"{column}.some"] = f"bool_or({plain})"
        asked[f"{column}.marks"] = f"list(distinct {name}) filter ({name} in ({_MARKS}))"
        if not fit:
            conditions = {infer.ZEROS: f"bool_or(regexp_full_match({name}, '-?0[0-9]+'))"}
            conditions |= {why: f"bool_and(regexp_full_match({name}, {literal(form)}))" for why, form in infer.NEARLY.items()}
            hints |= {f"{column}.{why}": f"{condition} filter ({plain})" for why, condition in conditions.items()}
        if fit and fit[0].startswith(("integer", "number")):
            asked |= {f"{column}.{sign}": f"{condition} filter ({plain})" for sign, condition in _of_numbers(name, fit[0]).items()}
    row = (ask(_listed(asked)) if asked else {}) | (few(_listed(hints)) if hints else {})
    return {column: _column({name: row.get(f"{column}.{name}") for name in _NAMES}, fit) for column, fit in found.items()}


_SIGNS = {"comma": "number with comma", "groups": "number in groups", "point": "number", "points": "number"}
_NAMES = ("some", "marks", infer.ZEROS, *infer.NEARLY, *_SIGNS, "whole", "fraction", "exponent", "is_double")


def _of_numbers(name: str, kind: str) -> dict[str, str]:
    point = "," if kind == "number with comma" else "."
    two_comma, two_point = literal("-?[1-9][0-9]{0,2},[0-9]{3}"), literal("-?[1-9][0-9]{0,2}\\.[0-9]{3}")
    odd_comma = f"(contains({name}, ',') and not regexp_full_match({name}, {two_comma}))"
    at = f"instr({name}, {literal(point)})"
    signs = {
        "comma": f"bool_or({odd_comma} or length({name}) - length(replace({name}, '.', '')) > 1)",
        "groups": f"bool_or({odd_comma})",
        "point": f"bool_or(contains({name}, '.') and not regexp_full_match({name}, {two_point}))",
        "points": f"bool_or(contains({name}, '.'))",
    }
    return {
        **{sign: condition for sign, condition in signs.items() if _SIGNS[sign] == kind},
        "whole": f"max(case {at} when 0 then length({name}) else {at} - 1 end)",
        "fraction": f"max(case {at} when 0 then 0 else length({name}) - {at} end)",
        "exponent": f"bool_or(contains(lower({name}), 'e'))",
        "is_double": f"bool_and(length({name}) <= 15 or try_cast({name} as double)::varchar = {name})",
    }


def _column(row: Mapping[str, Any], fit: Sequence[str]) -> ColumnKinds:
    seen = InferredColumn(kinds=[*fit], nulls={*(row["marks"] or ())})
    seen.filled = bool(row["some"]) or bool(seen.nulls)
    if row["some"]:
        seen.signs = {"some", *(name for name in (*_SIGNS, infer.ZEROS, *infer.NEARLY) if row[name])}
    return ColumnKinds(
        seen=seen,
        whole=row["whole"] or 0,
        fraction=row["fraction"] or 0,
        exponent=bool(row["exponent"]),
        is_double=row["is_double"] is not False,
    )


def _is_plain(column: str) -> str:
    name = quote(column)
    return f"{name} is not null and {name} not in ({_NULLS})"


def _listed(asked: Mapping[str, str]) -> str:
    return ", ".join(f"{expression} as {quote(name)}" for name, expression in asked.items())
