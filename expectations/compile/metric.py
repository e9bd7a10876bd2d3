"""Checks on one figure of a whole column or table, as the metrics that Great Expectations would compute for them.

The verdict over the figure stays Great Expectations' own: it is handed the metric under its name. The figures are those of
its metrics for Spark (version 1.24).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from expectations.compile.condition import comparable, only, plain_set, readable, within
from expectations.suite import Check
from lakehouse.engines.dialect import NUMERIC, WHOLE, Dialect, Types

_LISTED = 20  # values that a result names, as Great Expectations has it


@dataclass(frozen=True)
class MetricPlan:
    """How the metrics of one check are asked.

    Attributes:
        columns: aggregates over the rows, for the one query that answers all.
        apart: queries of one row and one column over `{rows}` that cost a pass of their own.
        metrics: Great Expectations' names and values, of the answers to `columns` and then to `apart`.
    """

    columns: tuple[str, ...]
    metrics: Callable[[list[Any]], dict[str, Any]]
    apart: tuple[str, ...] = ()


def plan_of(check: Check, types: Types, dialect: Dialect) -> MetricPlan | None:
    """The check as metrics; None where Great Expectations must judge itself."""
    if make := _TABLE.get(check.expect):
        return make(check, types)
    over = _COLUMN.get(check.expect)
    if over is None or len(check.columns) != 1 or not readable(check, types, dialect):
        return None
    return over(_Column(check, types[check.columns[0]], dialect))


@dataclass(frozen=True)
class _Column:
    check: Check
    type: str
    dialect: Dialect

    @property
    def kind(self) -> str:
        """The type without its precision."""
        return self.type.split("(")[0]

    @property
    def value(self) -> str:
        """The column where the check looks at the row, null elsewhere."""
        column, rows = self.dialect.column(self.check.columns[0]), within(self.check)
        return column if rows == "true" else f"case when {rows} then {column} end"

    @property
    def rows(self) -> str:
        """How many rows the check looks at."""
        return counted(within(self.check))

    def values(self, alias: str = "v") -> str:
        """Query over `{rows}`: the values that are not null."""
        column = self.dialect.column(self.check.columns[0])
        return f"select {column} as {alias} from ({{rows}}) where {within(self.check)} and {column} is not null"


def counted(condition: str) -> str:
    """Aggregate: how many rows the condition is true of."""
    return "count(*)" if condition == "true" else f"count(case when {condition} then 1 end)"


def _one(name: str, sql: Callable[[_Column], str | None]) -> Callable[[_Column], MetricPlan | None]:
    def make(over: _Column) -> MetricPlan | None:
        asked = sql(over)
        return MetricPlan((asked,), lambda found: {name: found[0]}) if asked else None

    return make


def _extreme(function: str) -> Callable[[_Column], str | None]:
    def make(over: _Column) -> str | None:
        # A client's session turns times into its own zone's: only Spark's does as Great Expectations'.
        alike = over.kind in (*NUMERIC, "string", "boolean", "date") or over.dialect.is_spark
        return f"{function}({over.value})" if alike and "<" not in over.kind else None

    return make


def _mean(over: _Column) -> str | None:
    known = over.kind in (*WHOLE, "float", "double") or (over.kind == "decimal" and over.dialect.is_spark)
    return f"avg({over.value})" if known else None


def _sum(over: _Column) -> str | None:
    if over.kind in WHOLE:
        return f"sum(cast({over.value} as double))"
    precision = int(over.type.partition("(")[2].partition(",")[0]) if over.kind == "decimal" else 0
    return (
        f"sum({over.value})" if over.kind in ("float", "double", "decimal") and (over.dialect.is_spark or precision <= 28) else None
    )


def _deviation(over: _Column) -> str | None:
    return f"stddev_samp({over.value})" if over.kind in (*WHOLE, "float", "double") else None


def _distinct(over: _Column) -> str | None:
    return f"select count(*) from (select distinct v from ({over.values()}))" if _countable(over) else None


def _countable(over: _Column) -> bool:
    return "<" not in over.type and comparable([over.type], over.dialect)


def _unique_count(over: _Column) -> MetricPlan | None:
    asked = _distinct(over)
    return MetricPlan((), lambda found: {"column.distinct_values.count": found[0]}, (asked,)) if asked else None


def _unique_share(over: _Column) -> MetricPlan | None:
    asked = _distinct(over)
    share = lambda found: {"column.unique_proportion": found[1] / found[0] if found[0] else 0}  # noqa: E731
    return MetricPlan((f"count({over.value})",), share, (asked,)) if asked else None


def _filled_share(over: _Column) -> MetricPlan:
    share = lambda found: {"column.non_null_proportion": found[1] / found[0] if found[0] else 0}  # noqa: E731
    return MetricPlan((over.rows, f"count({over.value})"), share)


def _distinct_set(over: _Column) -> MetricPlan | None:
    values = over.check.args.get("value_set") or []
    if not only(over.check, "value_set") or not plain_set(values, over.kind) or len(values) > 100:
        return None
    said = list(dict.fromkeys(values))
    kept = f"select distinct v from ({over.values()}) where v not in ({', '.join(map(over.dialect.literal, said))})"
    few = over.dialect.listed(f"select v from ({kept}) limit {_LISTED}", "v")
    there = [counted(f"{over.value} = {over.dialect.literal(value)}") for value in said]

    def metrics(found: list[Any]) -> dict[str, Any]:
        lacking = [value for value, rows in zip(said, found, strict=False) if not rows]
        return {
            "column.distinct_values.not_in_set.count": found[-2],
            "column.distinct_values.not_in_set": list(found[-1] or []),
            "column.distinct_values.missing_from_column.count": len(lacking),
            "column.distinct_values.missing_from_column": lacking[:_LISTED],
        }

    return MetricPlan(tuple(there), metrics, (f"select count(*) from ({kept})", few))


def _most_common(over: _Column) -> MetricPlan | None:
    if over.kind not in (*WHOLE, "string", "boolean"):
        return None
    grouped = f"select v, count(*) as n from ({over.values()}) group by v"
    most = f"select v, n, max(n) over () as most from ({grouped})"
    asked = over.dialect.listed(f"select v from ({most}) where n = most", "v")
    return MetricPlan((), lambda found: {"column.most_common_value": list(found[0] or [])}, (asked,))


def _median(over: _Column) -> MetricPlan | None:
    # Spark sorts for it as Great Expectations does: nothing is won there.
    if over.kind not in WHOLE or over.dialect.is_spark:
        return None
    asked = f"select median(cast(v as double)) from ({over.values()})"
    return MetricPlan((), lambda found: {"column.median": found[0]}, (asked,))


def _quantiles(over: _Column) -> MetricPlan | None:
    ranges = over.check.args.get("quantile_ranges")
    wanted = ranges.get("quantiles") if isinstance(ranges, dict) else None
    if over.kind not in WHOLE or over.dialect.is_spark or not only(over.check, "quantile_ranges") or not _shares(wanted):
        return None
    asked = f"select quantile_disc(cast(v as double), [{', '.join(map(repr, wanted or ()))}]) from ({over.values()})"
    return MetricPlan((), lambda found: {"column.quantile_values": list(found[0] or [None] * len(wanted or ()))}, (asked,))


def _shares(wanted: Any) -> bool:
    return isinstance(wanted, list) and bool(wanted) and all(type(each) in (int, float) and 0 <= each <= 1 for each in wanted)


def _count(check: Check, types: Types) -> MetricPlan | None:
    return MetricPlan((counted(within(check)),), lambda found: {"table.row_count": found[0]}) if check.where is None else None


def _columns(check: Check, types: Types) -> MetricPlan | None:
    return MetricPlan((), lambda _: {"table.columns": [*types], "table.column_count": len(types)})


_TABLE: Mapping[str, Callable[[Check, Types], MetricPlan | None]] = {
    "expect_table_row_count_to_be_between": _count,
    "expect_table_row_count_to_equal": _count,
    "expect_table_column_count_to_be_between": _columns,
    "expect_table_column_count_to_equal": _columns,
    "expect_table_columns_to_match_ordered_list": _columns,
    "expect_table_columns_to_match_set": _columns,
    "expect_column_to_exist": _columns,
}
_COLUMN: Mapping[str, Callable[[_Column], MetricPlan | None]] = {
    "expect_column_min_to_be_between": _one("column.min", _extreme("min")),
    "expect_column_max_to_be_between": _one("column.max", _extreme("max")),
    "expect_column_mean_to_be_between": _one("column.mean", _mean),
    "expect_column_sum_to_be_between": _one("column.sum", _sum),
    "expect_column_stdev_to_be_between": _one("column.standard_deviation", _deviation),
    "expect_column_median_to_be_between": _median,
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_proportion_of_non_null_values_to_be_between": _filled_share,
    "expect_column_unique_value_count_to_be_between": _unique_count,
    "expect_column_proportion_of_unique_values_to_be_between": _unique_share,
    "expect_column_distinct_values_to_be_in_set": _distinct_set,
    "expect_column_distinct_values_to_contain_set": _distinct_set,
    "expect_column_distinct_values_to_equal_set": _distinct_set,
    "expect_column_most_common_value_to_be_in_set": _most_common,
}
