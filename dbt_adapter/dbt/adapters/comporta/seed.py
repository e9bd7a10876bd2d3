"""The rows of a seed as its file has them.

dbt's reader guesses numbers and gives them to Spark as floats: of an id of 19 digits the last ones are others, `007` is 7, `$5` is 5,
a time loses its zone. Here a column has a type only if each of its values, read back, is what was written; else it stays text.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse.engines.catalog import literal, quote
from lakehouse.tables.types import one_name

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")  # `007` and `+55` are no numbers: what they begin with would be lost
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)?\.[0-9]+")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)?(?:\.[0-9]+)?(?:(?<=[0-9])[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(_DATE.pattern + r"[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?")
_ODD = re.compile(r"[ ,;{}()\n\t=]")
_NULLS = ("", "null")  # as for dbt
_DIGITS = 38  # of Spark's longest decimal
_SHORT = 18  # most decimals are of one type, whatever their digits: a seed that grows should not change its columns
_STATEMENT = 4 * 2**20  # characters of rows in one statement: much less than the server takes, far more than most seeds have


class SeedError(ValueError):
    """A seed that can't be loaded as it is written; says where, what was seen and what to write."""


@dataclass(frozen=True)
class Seed:
    """A seed's columns with their types in Spark's SQL, and its rows as text; null is None."""

    types: Mapping[str, str]
    rows: Sequence[Sequence[str | None]]

    @property
    def has_odd_names(self) -> bool:
        """Whether Parquet can't have each name of a column as it is."""
        return any(_ODD.search(name) for name in self.types)

    def statements(self) -> Iterator[str]:
        """The rows as JSON lists of lists, each short enough for a statement, as literals of Spark's SQL; one at least."""
        part, size = list[str](), 0
        for row in self.rows:
            told = json.dumps(row, ensure_ascii=False)
            if part and size + len(told) > _STATEMENT:
                yield literal(f"[{','.join(part)}]")
                part, size = [], 0
            part.append(told)
            size += len(told)
        yield literal(f"[{','.join(part)}]")

    def columns(self) -> list[str]:
        """A select list over an array `r` of a row's texts."""
        return [f"cast(r[{at}] as {kind}) as {quote(name)}" for at, (name, kind) in enumerate(self.types.items())]


def read(path: Path, told: str, delimiter: str, given: Mapping[str, str]) -> Seed:
    """The seed in `path`.

    Args:
        told: the file as messages name it.
        given: types that its YAML says (`column_types`), by column.
    Raises:
        SeedError: a row has not as many values as there are columns, a quote never ends, numbers fit no exact type.
    """
    from agate import Table, Text, TypeTester

    names, rows = _rows(path, told, delimiter)
    tester = TypeTester(types=[Text(null_values=_NULLS)])
    table = Table(rows, names, column_types=tester)  # names what has no name, and what has one twice, as dbt's own reader does
    plain = [tuple(row.values()) for row in table.rows]
    spelt = {name.lower(): one_name(kind) for name, kind in given.items()}  # `varchar` without a length is no type of Spark's
    types = {}
    for at, name in enumerate(table.column_names):
        types[name] = spelt.get(name.lower()) or _kind(told, name, [row[at] for row in plain if row[at] is not None])
    return Seed(types, plain)


def _rows(path: Path, told: str, delimiter: str) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(
            file, delimiter=delimiter, strict=True
        )  # else a quote that never ends takes all that follows for one value
        try:
            names = next(reader, [])
            rows = []
            for row in reader:
                if not row and len(names) > 1:  # an empty line; of a single column it is a value that is not there
                    continue
                if len(row) != len(names) and (row or len(names) > 1):
                    said = f"{len(row)} values where the first line has {len(names)} columns"
                    raise SeedError(
                        f"{told}:{reader.line_num}: {said}. Write as many, and what holds {delimiter!r} in double quotes."
                    )
                rows.append(row)
        except UnicodeDecodeError as error:
            raise SeedError(f"{told}: is no UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8.") from None
        except csv.Error as error:
            way = "" if "limit" in str(error) else " Put the value in double quotes, and double those within it."
            raise SeedError(f"{told}:{reader.line_num}: {error}.{way}") from None
    return names, rows


def _kind(told: str, name: str, texts: Sequence[str]) -> str:
    """The type in which each of `texts` is exactly what it says."""
    values = [text.strip() for text in texts]
    if all(map(_WHOLE.fullmatch, values)):
        numbers = [int(value) for value in values]
        if all(-(2**63) <= number < 2**63 for number in numbers):
            return "bigint"
        return _exact(told, name, values)
    if all(_WHOLE.fullmatch(value) or _DECIMAL.fullmatch(value) for value in values):
        return _exact(told, name, values)
    if all(_is_float(value) for value in values):
        if odd := next((value for value in values if not _is_double(value)), None):
            raise SeedError(
                _refusal(told, name, f"{odd} is no exact double, as the column's values with an exponent would have it")
            )
        return "double"
    if all(_is(date.fromisoformat, _DATE, value) for value in values):
        return "date"
    if all(_is(datetime.fromisoformat, _TIME, value) for value in values):
        if odd := next((value for value in values if re.search(r"\.[0-9]{6}0*[1-9]", value)), None):
            raise SeedError(_refusal(told, name, f"{odd} has parts of a microsecond, which no timestamp holds"))
        return "timestamp"
    return "boolean" if all(value.lower() in ("true", "false") for value in values) else "string"


def _exact(told: str, name: str, values: Sequence[str]) -> str:
    parts = [value.lstrip("-").partition(".") for value in values]
    before, after = max(len(whole.lstrip("0")) for whole, _, _ in parts), max(len(rest) for _, _, rest in parts)
    if before + after > _DIGITS:
        raise SeedError(
            _refusal(told, name, f"its numbers have {before} digits and {after} after the point, decimals {_DIGITS} in all")
        )
    return f"decimal({_SHORT if before + after <= _SHORT else _DIGITS},{after})"


def _refusal(told: str, name: str, said: str) -> str:
    wanted = f"{{column_types: {{{json.dumps(name, ensure_ascii=False)}: string}}}}"
    return f"{told}: column {name}: {said}. Say in the seed's config what it is to be, as text for instance: {wanted}."


def _is_float(value: str) -> bool:
    return bool(value) and _FLOAT.fullmatch(value) is not None


def _is_double(value: str) -> bool:
    return Decimal(repr(float(value))) == Decimal(value)


def _is(parse: Any, form: re.Pattern[str], value: str) -> bool:
    if not form.fullmatch(value):
        return False
    try:
        parse(value)
    except ValueError:
        return False
    return True
