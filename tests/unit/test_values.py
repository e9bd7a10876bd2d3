"""Values beyond what Python, JSON or a float can hold: the calendar goes on both ways, digits stay, and JSON stays JSON."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.runner import _as_theirs, _exactly
from expectations.suite import Check
from inspection import key
from lakehouse import values
from lakehouse.engines.catalog import hive
from lakehouse.engines.dialect import DUCKDB, SPARK

_DAYS = st.integers(-2_440_550, 106_751_991)  # all that Delta's days and microseconds can be, from 4713 BC


@given(_DAYS)
def test_a_day_is_the_one_of_another_calendar(days: int) -> None:
    shown = str(values.of_day(days))
    [(there,)] = duckdb.sql(f"select cast(date '1970-01-01' + {days} as varchar)").fetchall()
    said = key.literal(shown, "date", DUCKDB)
    assert duckdb.sql(f"select {said} = cast('{there}' as date)").fetchall() == [(True,)]
    assert values.is_beyond(shown) == (not "0001-01-01" <= shown <= "9999-12-31" or len(shown) > 10)


@given(_DAYS, st.integers(0, 86_399_999_999))
def test_a_moment_is_its_day_and_its_time(days: int, micros: int) -> None:
    made = values.of_micros(days * 86_400_000_000 + micros)
    assert str(made).partition(" ")[0] == str(values.of_day(days)) and (values.nearest(made) or datetime.min).tzinfo is UTC


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals() | st.dates() | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=8,
)


@given(_PLAIN)
def test_plain_values_are_json(value: Any) -> None:
    json.loads(json.dumps(values.plain(value), allow_nan=False))


def test_numbers_of_numpy_are_numbers() -> None:
    import numpy as np

    assert values.plain([np.float64(0.0), np.int64(5), np.float64("nan"), np.bool_(True)]) == [0.0, 5, "NaN", True]


def test_one_far_time_makes_its_column_text_and_leaves_the_others() -> None:
    far, near = pa.array([0, 400_000_000_000_000_000], pa.timestamp("us", tz="Asia/Tokyo")), pa.array([0, 1], pa.date32())
    nested = pa.array(
        [[{"at": 1, "told": "x"}], [{"at": 300_000_000, "told": None}]],
        pa.list_(pa.struct([("at", pa.date32()), ("told", pa.string())])),
    )
    held = pa.table({"far": far, "near": near, "nested": nested})
    assert values.rows(values.bearable(held)) == [
        ("1970-01-01 00:00:00", date(1970, 1, 1), [{"at": "1970-01-02", "told": "x"}]),
        ("+14645-06-30 15:06:40", date(1970, 1, 2), [{"at": str(values.of_day(300_000_000)), "told": None}]),
    ]
    assert values.rows(held)[0][0] == datetime(1970, 1, 1) and values.bearable(pa.table({"a": [1]})).num_rows == 1


@pytest.mark.parametrize(
    ("text", "kind", "spark", "duck"),
    [
        ("0044-03-15 BC", "date", "cast('-0043-03-15' as date)", "cast('0044-03-15 (BC)' as date)"),
        ("0001-12-31 BC", "date", "cast('0000-12-31' as date)", "cast('0001-12-31 (BC)' as date)"),
        (
            "-0043-03-15T12:00:00",
            "timestamp_ntz",
            "cast('-0043-03-15 12:00:00' as timestamp_ntz)",
            "cast('0044-03-15 (BC) 12:00:00' as timestamp)",
        ),
        ("10000-01-01", "date", "cast('+10000-01-01' as date)", "cast('10000-01-01' as date)"),
        (r"\x00fF", "binary", "X'00ff'", "from_hex('00ff')"),
        ("NaN", "double", "cast('NaN' as double)", "cast('NaN' as double)"),
        ("1e-10", "decimal(38,10)", "cast('0.0000000001' as decimal(38,10))", "cast('0.0000000001' as decimal(38,10))"),
    ],
)
def test_a_key_is_read_as_it_is_shown(text: str, kind: str, spark: str, duck: str) -> None:
    said = key.read(text, ("k",), {"k": kind})["k"]
    assert (key.literal(said, kind, SPARK), key.literal(said, kind, DUCKDB)) == (spark, duck)
    assert key.read(json.dumps({"k": values.text(said)}), ("k",), {"k": kind})["k"] == said or text == "NaN"


class _Result:
    def __init__(self, success: bool) -> None:
        self.success, self.result = success, {"observed_value": None}


@pytest.mark.parametrize(
    ("bound", "figure", "success", "observed"),
    [
        ({"max_value": "9999-12-31"}, "+10000-01-01", False, "+10000-01-01"),
        ({"min_value": "9999-12-31"}, "+10000-01-01", True, "+10000-01-01"),
        ({"min_value": "0001-01-01"}, "-0043-03-15 00:00:00", False, "-0043-03-15 00:00:00"),
        ({"max_value": "0001-01-01"}, "0000-12-31", True, "0000-12-31"),
    ],
)
def test_a_figure_beyond_pythons_calendar_is_beyond_any_bound(
    bound: dict[str, str], figure: str, success: bool, observed: str
) -> None:
    result = _Result(not success)
    _exactly(result, Check(expect="expect_column_max_to_be_between", column="at", **bound), {"column.max": figure})
    assert (result.success, result.result["observed_value"]) == (success, observed)
    assert _as_theirs({"column.max": figure})["column.max"][:4] in ("9999", "0001")


def test_a_decimal_keeps_digits_that_a_float_has_not() -> None:
    wide = Decimal("9007199254740993.01")
    assert _as_theirs({"a": wide, "b": Decimal("0.10"), "c": Decimal(0)}) == {"a": wide, "b": 0.1, "c": 0.0}
    result = _Result(True)
    _exactly(result, Check(expect="expect_column_max_to_be_between", column="a", max_value=1), {"column.max": wide})
    assert result.result["observed_value"] == "9007199254740993.01"


def test_a_time_over_thrift_is_text_where_python_has_none() -> None:
    read = hive.TYPES_CONVERTER["TIMESTAMP_TYPE"]
    assert [read(text) for text in ("0001-01-01 00:00:00.5", "-0043-03-15 00:00:00", "+10000-01-01 00:00:00")] == [
        datetime(1, 1, 1, 0, 0, 0, 500_000),
        "-0043-03-15 00:00:00",
        "+10000-01-01 00:00:00",
    ]
