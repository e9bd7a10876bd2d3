"""The law of the compiled checks: they say what Great Expectations says, of every check, with the same numbers."""

import string
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import ColumnProperties, DeltaTable, WriterProperties, write_deltalake
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from expectations import registry
from expectations.compile import aggregate, condition, frame
from expectations.evidence import Evidence
from expectations.outcome import raised
from expectations.runner import Runner, TableRows, _compiled, _detail, _enough, _samples, _validate
from expectations.suite import Check, Suite
from lakehouse.engines import local, session
from lakehouse.engines.catalog import SMALL
from lakehouse.engines.dialect import DUCKDB, SPARK, Engine
from lakehouse.settings import Settings
from lakehouse.tables.types import spark_types

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("again", pa.int32()),
        ("more", pa.int32()),
        ("ratio", pa.float64()),
        ("price", pa.decimal128(12, 2)),
        ("name", pa.string()),
        ("code", pa.string()),
        ("is_new", pa.bool_()),
        ("born", pa.date32()),
        ("seen", pa.timestamp("us", tz="UTC")),
        ("left_at", pa.timestamp("us", tz="UTC")),
    ]
)
_texts = st.text(st.sampled_from(string.ascii_letters[:4] + "Z09 .@\n\x0b\u2028é'\\_"), max_size=5)
_moments = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(1, 1_000_000),
            "again": st.none() | st.integers(-2, 3),
            "more": st.none() | st.integers(0, 3),
            "ratio": st.none() | st.sampled_from([0.0, -0.0, 0.5, 1.0, float("nan"), float("inf"), -1.5]),
            "price": st.none() | st.decimals(-5, 5, places=2).map(lambda value: Decimal(value)),
            "name": st.none() | _texts,
            "code": st.none() | st.sampled_from(["ABC", "abc", "ABC\n", "AB", "A1C", ""]),
            "is_new": st.none() | st.booleans(),
            "born": st.none() | st.dates(date(1890, 1, 1), date(2110, 1, 1)),
            "seen": st.none() | _moments,
            "left_at": st.none() | _moments,
        }
    ),
    min_size=6,
    max_size=12,
)
_CHECKS: list[dict[str, Any]] = [
    {"expect": "expect_column_values_to_not_be_null", "column": "name"},
    {"expect": "expect_column_values_to_not_be_null", "column": "price", "mostly": 0.7, "where": "not is_new"},
    {"expect": "expect_column_values_to_be_null", "column": "again", "mostly": 0.3},
    {"expect": "expect_column_values_to_be_unique", "column": "id"},
    {"expect": "expect_column_values_to_be_unique", "column": "again", "mostly": 0.5},
    {"expect": "expect_column_values_to_be_unique", "column": "ratio"},
    {"expect": "expect_column_values_to_be_unique", "column": "name", "where": "again > 0"},
    {"expect": "expect_compound_columns_to_be_unique", "column_list": ["again", "is_new"]},
    {"expect": "expect_compound_columns_to_be_unique", "column_list": ["again", "code"], "ignore_row_if": "any_value_is_missing"},
    {"expect": "expect_compound_columns_to_be_unique", "column_list": ["again", "name"], "ignore_row_if": "never"},
    {"expect": "expect_column_values_to_be_between", "column": "again", "min_value": 0},
    {"expect": "expect_column_values_to_be_between", "column": "ratio", "min_value": 0, "max_value": 1},
    {"expect": "expect_column_values_to_be_between", "column": "ratio", "max_value": 0.5, "strict_max": True, "mostly": 0.5},
    {"expect": "expect_column_values_to_be_between", "column": "price", "min_value": -0.1, "strict_min": True},
    {
        "expect": "expect_column_values_to_be_between",
        "column": "price",
        "max_value": 4,
        "where": "again is not null and id > 9",
    },
    {"expect": "expect_column_values_to_be_between", "column": "born", "min_value": "1900-01-01", "max_value": "2100-01-01"},
    {"expect": "expect_column_values_to_be_between", "column": "seen", "min_value": "2000-01-01 00:00:00"},
    {"expect": "expect_column_value_lengths_to_be_between", "column": "name", "min_value": 1, "max_value": 4},
    {"expect": "expect_column_values_to_be_in_set", "column": "code", "value_set": ["ABC", "AB", "it's \\ odd"]},
    {"expect": "expect_column_values_to_be_in_set", "column": "is_new", "value_set": [False]},
    {"expect": "expect_column_values_to_not_be_in_set", "column": "again", "value_set": [0, 7], "where": "code = 'ABC'"},
    {"expect": "expect_column_values_to_match_regex", "column": "code", "regex": "^[A-Z]{3}$"},
    {"expect": "expect_column_values_to_match_regex", "column": "name", "regex": "^.*$"},
    {"expect": "expect_column_values_to_match_regex", "column": "name", "regex": r"^[^@\s]+@[^@\s]+\.\s?\w*$", "mostly": 0.2},
    {"expect": "expect_column_pair_values_a_to_be_greater_than_b", "column_A": "left_at", "column_B": "seen", "or_equal": True},
    {
        "expect": "expect_column_pair_values_a_to_be_greater_than_b",
        "column_A": "left_at",
        "column_B": "seen",
        "ignore_row_if": "either_value_is_missing",
        "mostly": 0.5,
    },
    {"expect": "expect_column_value_lengths_to_equal", "column": "code", "value": 3, "mostly": 0.3},
    {"expect": "expect_column_values_to_not_match_regex", "column": "name", "regex": "[a-c].", "where": "id > 50"},
    {"expect": "expect_column_values_to_not_match_regex", "column": "code", "regex": "C$"},
    {"expect": "expect_column_values_to_match_regex_list", "column": "code", "regex_list": ["^A", "(b|c)"], "mostly": 0.2},
    {"expect": "expect_column_values_to_match_regex_list", "column": "code", "regex_list": ["^[A-Z]", "[BC1]"], "match_on": "all"},
    {"expect": "expect_column_values_to_not_match_regex_list", "column": "name", "regex_list": ["a", r"\."]},
    {"expect": "expect_column_pair_values_to_be_equal", "column_A": "left_at", "column_B": "seen", "mostly": 0.1},
    {"expect": "expect_column_pair_values_to_be_equal", "column_A": "again", "column_B": "more", "ignore_row_if": "neither"},
    {
        "expect": "expect_column_pair_values_a_to_be_greater_than_b",
        "column_A": "again",
        "column_B": "more",
        "ignore_row_if": "neither",
    },
    {
        "expect": "expect_column_pair_values_to_be_equal",
        "column_A": "name",
        "column_B": "code",
        "ignore_row_if": "either_value_is_missing",
    },
    {"expect": "expect_select_column_values_to_be_unique_within_record", "column_list": ["name", "code"]},
    {
        "expect": "expect_select_column_values_to_be_unique_within_record",
        "column_list": ["again", "more"],
        "ignore_row_if": "any_value_is_missing",
        "where": "id > 50",
    },
    {"expect": "expect_multicolumn_values_to_be_equal", "column_list": ["again", "more"], "ignore_row_if": "never", "mostly": 0.2},
    {"expect": "expect_table_row_count_to_be_between", "min_value": 1, "max_value": 8},
    {"expect": "expect_table_row_count_to_equal", "value": 7},
    {"expect": "expect_table_column_count_to_equal", "value": 11},
    {"expect": "expect_table_column_count_to_be_between", "min_value": 12},
    {"expect": "expect_table_columns_to_match_set", "column_set": ["id", "again"], "exact_match": False},
    {"expect": "expect_table_columns_to_match_ordered_list", "column_list": ["id", "again"]},
    {"expect": "expect_column_to_exist", "column": "code"},
    {"expect": "expect_column_min_to_be_between", "column": "again", "min_value": 0},
    {"expect": "expect_column_max_to_be_between", "column": "ratio", "max_value": 1, "where": "id > 50"},
    {"expect": "expect_column_min_to_be_between", "column": "price", "max_value": 1},
    {"expect": "expect_column_max_to_be_between", "column": "born", "max_value": "2100-01-01"},
    {"expect": "expect_column_max_to_be_between", "column": "seen", "max_value": "2020-01-01 00:00:00"},
    {"expect": "expect_column_mean_to_be_between", "column": "id", "min_value": 1, "max_value": 500_000},
    {"expect": "expect_column_mean_to_be_between", "column": "ratio", "min_value": 0},
    {"expect": "expect_column_mean_to_be_between", "column": "price", "max_value": 1, "strict_max": True},
    {"expect": "expect_column_sum_to_be_between", "column": "id", "max_value": 2_000_000, "where": "again > 0"},
    {"expect": "expect_column_sum_to_be_between", "column": "price", "min_value": 0},
    {"expect": "expect_column_sum_to_be_between", "column": "ratio", "min_value": 0},
    {"expect": "expect_column_stdev_to_be_between", "column": "again", "max_value": 2},
    {"expect": "expect_column_median_to_be_between", "column": "again", "min_value": 0, "max_value": 2},
    {
        "expect": "expect_column_quantile_values_to_be_between",
        "column": "again",
        "quantile_ranges": {"quantiles": [0, 0.25, 0.5, 0.9, 1], "value_ranges": [[-2, 0], [-2, 3], [0, 2], [None, 3], [3, None]]},
    },
    {"expect": "expect_column_proportion_of_non_null_values_to_be_between", "column": "name", "min_value": 0.8},
    {"expect": "expect_column_unique_value_count_to_be_between", "column": "code", "max_value": 3, "where": "again > 0"},
    {"expect": "expect_column_unique_value_count_to_be_between", "column": "ratio", "max_value": 4},
    {"expect": "expect_column_proportion_of_unique_values_to_be_between", "column": "again", "min_value": 0.5},
    {"expect": "expect_column_distinct_values_to_be_in_set", "column": "code", "value_set": ["ABC", "AB", "abc"]},
    {"expect": "expect_column_distinct_values_to_contain_set", "column": "again", "value_set": [0, 1], "where": "id > 50"},
    {"expect": "expect_column_distinct_values_to_equal_set", "column": "is_new", "value_set": [True, False]},
    {"expect": "expect_column_most_common_value_to_be_in_set", "column": "again", "value_set": [0, 1, 2], "ties_okay": True},
]
CHECKS = {number: Check.model_validate(check) for number, check in enumerate(_CHECKS, 1)}
SUITE = Suite(table="parity", description="every type", owner="tests", checks=list(CHECKS.values()))
# What Great Expectations and the figures agree on, but for the last bits of a floating-point sum.
_TOLD = ("element_count", "unexpected_count", "missing_count", "unexpected_percent", "observed_value")


# As bronze is written: from a file's least and greatest number this writer leaves NaN out, and Spark would skip the file.
_NO_STATISTICS = WriterProperties(default_column_properties=ColumnProperties(statistics_enabled="NONE"))
# A not-a-number after a number: what is too great, and what no least and greatest number tells of.
_LATE_NAN = [
    dict.fromkeys(SCHEMA.names) | {"id": number, "name": "x", "ratio": ratio}
    for number, ratio in enumerate([1.0, None, float("nan"), None, 0.5, None], 8)
]


@pytest.fixture(scope="module")
def judging(spark_server: Settings) -> Iterator[Any]:
    """A session for Great Expectations alone, which asks two hundred questions about a dozen rows: ours has users' settings."""
    opened = session.connect(spark_server)
    # What is cached is read past where its batches' least and greatest number say so, from which Spark leaves NaN out.
    whole = {"spark.sql.inMemoryColumnarStorage.partitionPruning": "false"}
    for name, value in (SMALL | whole).items():
        opened.conf.set(name, value)
    yield opened
    opened.stop()


@pytest.fixture(scope="module")
def runner() -> Runner:
    return Runner()


@examples(
    max_examples=1,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=ROWS)
@example(rows=[])
@example(rows=_LATE_NAN)
def test_what_is_compiled_says_what_great_expectations_says(
    rows: list[dict[str, Any]], spark_server: Settings, spark: Any, judging: Any, runner: Runner, tmp_path: Path
) -> None:
    place = str(tmp_path / "table")
    write_deltalake(
        place,
        pa.Table.from_pylist(rows, schema=SCHEMA),
        mode="overwrite",
        configuration={"delta.dataSkippingNumIndexedCols": "0"},
        writer_properties=_NO_STATISTICS,
    )
    table = DeltaTable(place)
    query = frame.at_version(place, table.version())
    near = local.rows(spark_server, table)
    on_spark = Engine(lambda text: spark.sql(text).collect(), query, SPARK)
    engines = {"spark": (on_spark,)}
    if near:
        engines["duckdb"] = (Engine(local.DuckEngine(spark_server).ask, near, DUCKDB), on_spark)
    kept = judging.sql(query).cache()
    judged = _great_expectations(runner, kept)
    kept.unpersist()
    types = spark_types(table)
    for name, asked in engines.items():
        total, found = aggregate.measure(asked, types, CHECKS, partial(_enough, SUITE))
        assert total == len(rows)
        # Spark finds quantiles by the sort that Great Expectations has it do; nothing would be won.
        assert set(CHECKS) - set(found) == (set() if near and name == "duckdb" else _SORTED), name
        told = TableRows(Evidence(asked, types, lambda *_: ""), ("id",), lambda: None)
        few, detail = _samples(SUITE, found, told, ("id",)), _detail(("id",), [*types])
        for number, one in found.items():
            made = _compiled(CHECKS[number], registry.build(CHECKS[number], number, "parity"), one, few.get(number), detail)
            assert made is not None, (name, CHECKS[number])
            _same(made, judged[number], (name, CHECKS[number].meaning()))


_SORTED = {number for number, check in CHECKS.items() if "median" in check.expect or "quantile" in check.expect}


def _same(ours: Any, theirs: Any, about: object) -> None:
    assert ours.success == theirs.success, (about, ours.result, theirs.result)
    for name in _TOLD:
        mine, their = ours.result.get(name), theirs.result.get(name)
        if not ours.result.get("element_count") and their is None:  # of no rows it has no count
            continue
        numbers = isinstance(mine, int | float) and isinstance(their, int | float)
        assert numbers or type(mine) is type(their), (about, name, mine, their)
        assert mine == their or mine == pytest.approx(their, rel=1e-12, nan_ok=True), (about, name, mine, their)
    if ours.success:  # of what `mostly` let through no rows are fetched
        return
    lists = [result.result.get("partial_unexpected_list") or [] for result in (ours, theirs)]
    assert len(lists[0]) == len(lists[1]), (about, lists)
    if 0 < (theirs.result.get("unexpected_count") or 0) <= 5:  # all of them, in any order
        assert sorted(map(repr, lists[0])) == sorted(map(repr, lists[1])), about
    index = [result.result.get("partial_unexpected_index_list") or [] for result in (ours, theirs)]
    assert [*map(len, index)] == [*map(len, lists)] or not any(index), (about, index)


def _great_expectations(runner: Runner, rows: Any) -> dict[int, Any]:
    asset = runner._source.add_dataframe_asset(f"parity {id(rows)}")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": rows})
    expectations = {number: registry.build(check, number, "parity") for number, check in CHECKS.items()}
    found, _ = _validate(batch, "parity", expectations, _detail(("id",), rows.columns))
    assert set(found) == set(CHECKS)
    broken = [result.exception_info for result in found.values() if raised(result)]
    assert not broken, broken[:1]
    return found


@pytest.mark.parametrize(
    ("regex", "made"),
    [
        ("^[A-Z]{3}$", "^[A-Z]{3}$"),
        ("a.b", r"a[^\n\r\x{85}\x{2028}\x{2029}]b"),
        (r"a\.b", r"a\.b"),
        (r"[.\s]\s", r"[. \t\n\x0B\f\r][ \t\n\x0B\f\r]"),
        ("(?i)a", None),  # Java folds ASCII only
        ("[a[b]]", None),
        ("[a&&b]", None),
        (r"\p{L}", None),
        (r"\S", None),
    ],
)
def test_a_regular_expression_is_handed_on_only_where_it_means_the_same(regex: str, made: str | None) -> None:
    assert condition.for_re2(regex) == made


@pytest.mark.parametrize(
    ("where", "same"),
    [
        ("not is_new", True),
        ("again > 0 and name is not null", True),
        ("name = 'x'", True),
        ("again > 0 or is_new", False),
        ("name > 3", False),
        ("again", False),
        ("born = '2020-01-01'", False),
        ("length(name) > 2", False),
    ],
)
def test_a_condition_is_handed_on_only_where_it_means_the_same(where: str, same: bool) -> None:
    types = {"is_new": "boolean", "again": "integer", "name": "string", "born": "date"}
    assert condition.same_where(where, types) == same
