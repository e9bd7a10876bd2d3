"""What kinds the columns of text in a relation of DuckDB hold, asked in one query: what `infer.InferredColumn` says of the same values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from ingestion.sources.files import infer
from ingestion.sources.files.casts import misfit, with_digits
from ingestion.sources.files.infer import InferredColumn
from lakehouse.engines.standard import literal, quote

_NULLS = ", ".join(map(literal, sorted({"", *infer.NULLS})))


@dataclass(frozen=True)
class ColumnKinds:
    """A column's values in figures: `seen` as `InferredColumn` has it, and the digits of its numbers."""

    seen: InferredColumn
    whole: int = 0
    fraction: int = 0
    exponent: bool = False

    def kind(self, comma: bool) -> tuple[str, str]:
        """Kind, a number's with its digits, and why it is text, if somebody could expect another one.

        Args:
            comma: whether fractions stand behind a comma in this file.
        """
        kind, why = self.seen.kind(comma)
        return (with_digits(kind, self.whole, self.fraction, self.exponent) if kind.startswith("number") else kind), why


def kinds(reader: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str]) -> dict[str, ColumnKinds]:
    """The kinds of some columns of text, over all rows of `relation`."""
    if not columns:
        return {}
    asked = [
        f"{expression} as {quote(f'{number}.{name}')}"
        for number, column in enumerate(columns)
        for name, expression in _asked(column)
    ]
    told = reader.execute(f"select {', '.join(asked)} from {relation}")
    assert told.description
    row = dict(zip([each[0] for each in told.description], told.fetchall()[0], strict=True))
    return {column: _column({name: row[f"{number}.{name}"] for name, _ in _asked(column)}) for number, column in enumerate(columns)}


def _asked(column: str) -> list[tuple[str, str]]:
    name = quote(column)
    plain = f"{name} is not null and {name} not in ({_NULLS})"
    found = [(f"fits {kind}", f"bool_and(not {misfit(column, kind)}) filter ({plain})") for kind in infer.FITS]
    return [
        *found,
        ("some", f"count(*) filter ({plain})"),
        ("filled", f"count({name}) filter ({name} <> '')"),
        ("marks", f"list(distinct {name}) filter ({name} in ({', '.join(map(literal, sorted(infer.NULLS)))}))"),
        *((sign, f"bool_or({condition}) filter ({plain})") for sign, condition in _signs(name).items()),
        *(
            (why, f"bool_and(regexp_full_match({name}, {literal(pattern)})) filter ({plain})")
            for why, pattern in infer.NEARLY.items()
        ),
        (
            "whole",
            f"max(length(regexp_replace(regexp_extract({name}, '^-?([0-9.,]*?)(?:[.,][0-9]*)?(?:[eE].*)?$', 1), '[.,]', '', 'g')))",
        ),
        ("point fraction", f"max(length(regexp_extract({name}, '\\.([0-9]*)', 1)))"),
        ("comma fraction", f"max(length(regexp_extract({name}, ',([0-9]*)$', 1)))"),
        ("exponent", f"bool_or(regexp_matches({name}, '[eE]')) filter ({plain})"),
    ]


def _signs(name: str) -> dict[str, str]:
    two_comma, two_point = literal("-?[1-9][0-9]{0,2},[0-9]{3}"), literal("-?[1-9][0-9]{0,2}\\.[0-9]{3}")
    odd_comma = f"(contains({name}, ',') and not regexp_full_match({name}, {two_comma}))"
    return {
        infer.ZEROS: f"regexp_full_match({name}, '-?0[0-9]+')",
        "comma": f"{odd_comma} or length({name}) - length(replace({name}, '.', '')) > 1",
        "groups": odd_comma,
        "point": f"contains({name}, '.') and not regexp_full_match({name}, {two_point})",
        "points": f"contains({name}, '.')",
    }


# A sign of a kind counts where the column may be of that kind.
_OF = {"comma": "number with comma", "groups": "number in groups", "point": "number", "points": "number"}


def _column(row: dict[str, Any]) -> ColumnKinds:
    fit = [kind for kind in infer.FITS if row["some"] and row[f"fits {kind}"]]
    seen = InferredColumn(kinds=fit if row["some"] else [*infer.FITS], nulls={*(row["marks"] or ())}, filled=bool(row["filled"]))
    if row["some"]:
        seen.signs.add("some")
        seen.signs |= {sign for sign, kind in _OF.items() if row[sign] and kind in fit}
        seen.signs |= {infer.ZEROS} if row[infer.ZEROS] else set()
        seen.signs |= set() if fit else {why for why in infer.NEARLY if row[why]}
    fraction = row["comma fraction"] if fit and fit[0] == "number with comma" else row["point fraction"]
    return ColumnKinds(seen, row["whole"] or 0, fraction or 0, bool(row["exponent"]))
