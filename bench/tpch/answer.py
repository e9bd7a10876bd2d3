"""Whether the contenders' tables say the same, and what the standard says of scale 1. Pure."""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

NEAR = 1e-9  # relative: engines add up in another order
# The standard's answers at scale 1: rows of each query, and a value that is among them, to the cent.
ROWS = {
    "q01": 4,
    "q02": 100,
    "q03": 10,
    "q04": 5,
    "q05": 5,
    "q06": 1,
    "q07": 4,
    "q08": 2,
    "q09": 175,
    "q10": 20,
    "q11": 1048,
    "q12": 2,
    "q13": 42,
    "q14": 1,
    "q15": 1,
    "q16": 18314,
    "q17": 1,
    "q18": 57,
    "q19": 1,
    "q20": 186,
    "q21": 100,
    "q22": 7,
}
VALUES = {
    "q01": ("total_quantity", "37734107.00"),
    "q03": ("revenue", "406181.01"),
    "q06": ("revenue", "123141078.23"),
    "q14": ("promo_revenue", "16.38"),
    "q15": ("total_revenue", "1772627.21"),
    "q17": ("average_yearly", "348406.05"),
    "q19": ("revenue", "3083843.06"),
}


class WrongError(Exception):
    """Contenders don't agree, or an answer is not the standard's."""


def agree(name: str, tables: Mapping[str, pa.Table]) -> None:
    """All `tables`, by contender, hold the rows of the first one, in whatever order.

    Raises:
        WrongError: where and how they differ. Decimals are the same to the last digit, floats to `NEAR`.
    """
    (first, one), *rest = tables.items()
    rows = _sorted(one)
    for other, table in rest:
        said = f"{name}, {first} and {other}"
        if _kinds(one) != _kinds(table):
            raise WrongError(f"{said}: columns {_kinds(one)} and {_kinds(table)}")
        if one.num_rows != table.num_rows:
            raise WrongError(f"{said}: {one.num_rows} and {table.num_rows} rows")
        for mine, theirs in zip(rows, _sorted(table), strict=True):
            if not all(map(_same, mine, theirs)):
                raise WrongError(f"{said}: {mine} and {theirs}")


def answers(tables: Mapping[str, pa.Table], scale: float) -> list[str]:
    """Names of the queries without an answer, of tables by query.

    Raises:
        WrongError: at scale 1, what is not as the standard says.
    """
    empty = [name for name, table in tables.items() if not _answers(table)]
    if scale != 1:
        return empty
    if sorted(name[:3] for name in tables) != sorted(ROWS) or empty:
        raise WrongError(f"wanted: {len(ROWS)} queries with rows; seen: {len(tables)}, without rows {empty}")
    for name, table in tables.items():
        if table.num_rows != ROWS[name[:3]]:
            raise WrongError(f"{name}: {table.num_rows} rows (the standard says {ROWS[name[:3]]})")
        if name[:3] in VALUES:
            column, wanted = VALUES[name[:3]]
            seen = table[column].to_pylist()
            if not any(abs(Decimal(str(value)) - Decimal(wanted)) <= Decimal("0.005") for value in seen):
                raise WrongError(f"{name}: {column} is {seen[:10]} (the standard says {wanted})")
    return empty


def _answers(table: pa.Table) -> bool:
    """A sum of no rows is one row without a value."""
    return table.num_rows > 1 or any(value is not None for row in table.to_pylist() for value in row.values())


def _kinds(table: pa.Table) -> dict[str, str]:
    return {field.name: _kind(field.type) for field in table.schema}


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_floating(kind):
        return "float"
    exact = pa.types.is_integer(kind) or pa.types.is_decimal(kind)  # whose widths are the engines' own affair
    return "exact" if exact else "text" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else str(kind)


def _sorted(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows in the order of their exact values, since floats may differ in their last digits."""
    floats = [pa.types.is_floating(field.type) for field in table.schema]
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)

    def key(row: tuple[Any, ...]) -> Any:
        return [_orderable(row, floats, of_float) for of_float in (False, True)]

    return sorted(rows, key=key)


def _orderable(row: Iterable[Any], floats: list[bool], of_float: bool) -> list[Any]:
    return [(value is None, value) for value, is_float in zip(row, floats, strict=True) if is_float == of_float]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=NEAR) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)
