"""Judges a table by each lane of the gate and prints what came of it; run as a process of its own, in whatever zone and locale."""

import json
import sys
from typing import Any

from expectations import registry
from expectations.compile import frame
from expectations.evidence import Evidence
from expectations.outcome import dumps
from expectations.runner import Runner, TableRows, _detail
from expectations.suite import Check, Suite
from lakehouse.engines import local, session
from lakehouse.engines.catalog import SMALL
from lakehouse.engines.dialect import DUCKDB, SPARK, Engine
from lakehouse.machine import load
from lakehouse.settings import Settings
from lakehouse.tables.types import spark_types

# Each bound is some hours from a value, or on it: there a zone decides.
CHECKS: list[dict[str, Any]] = [
    {"expect": "expect_column_values_to_be_between", "column": "at", "min_value": "2026-03-01 00:00:00"},
    {"expect": "expect_column_values_to_be_between", "column": "at", "max_value": "2026-03-01 03:00:00", "strict_max": True},
    {"expect": "expect_column_values_to_be_between", "column": "at", "min_value": "2026-03-01T00:00:00"},
    {"expect": "expect_column_values_to_be_between", "column": "local", "max_value": "2026-03-01T02:30:00"},
    {"expect": "expect_column_values_to_be_between", "column": "day", "max_value": "2026-03-01"},
    {"expect": "expect_column_values_to_be_in_set", "column": "at", "value_set": ["2026-03-01 00:00:00", "2026-03-01 03:00:00"]},
    {"expect": "expect_column_values_to_be_in_set", "column": "day", "value_set": ["2026-03-01"]},
    {"expect": "expect_column_values_to_be_unique", "column": "at"},
    {"expect": "expect_column_min_to_be_between", "column": "at", "min_value": "2026-03-01T00:00:00"},
    {"expect": "expect_column_max_to_be_between", "column": "at", "max_value": "2026-03-01T02:59:59"},
    {"expect": "expect_column_max_to_be_between", "column": "local", "max_value": "2026-03-01T02:30:00"},
    {"expect": "expect_column_max_to_be_between", "column": "old", "max_value": "0001-01-01T00:00:00"},
    {"expect": "expect_column_min_to_be_between", "column": "old", "min_value": "0001-01-01T00:00:01"},
    {"expect": "expect_column_values_to_be_between", "column": "old", "min_value": "0001-01-01 00:00:01"},
    {"expect": "expect_column_values_to_be_null", "column": "old"},
    {"expect": "expect_column_values_to_be_null", "column": "at", "where": "at >= timestamp '2026-03-01 03:00:00'"},
    {"expect": "expect_column_most_common_value_to_be_in_set", "column": "at", "value_set": ["2020-01-01 00:00:00"]},
    {"expect": "expect_column_values_to_match_regex", "column": "name", "regex": "^[a-z]+$"},
    {"expect": "expect_column_values_to_be_in_set", "column": "name", "value_set": ["I"]},
    {"expect": "fresh", "column": "at", "within": "1 hour"},
]


def judge(settings: Settings, location: str) -> dict[str, Any]:
    """What each lane says: its outcomes as the ledger has them."""
    from deltalake import DeltaTable

    suite = Suite(table="elsewhere", description="Times.", owner="tests", checks=[Check.model_validate(each) for each in CHECKS])
    table = DeltaTable(location)
    types, query = spark_types(table), frame.at_version(location, table.version())
    spark = session.connect(settings)
    for name, value in SMALL.items():
        spark.conf.set(name, value)
    on_spark = Engine(lambda text: spark.sql(text).collect(), query, SPARK)
    near = local.rows(settings, table)
    assert near is not None
    duck = Engine(local.DuckEngine(settings).ask, near, DUCKDB)
    runner = Runner()
    found: dict[str, Any] = {}
    for lane, engines in {"duckdb": (duck, on_spark), "spark": (on_spark,)}.items():
        ran = runner.run(suite, "elsewhere", TableRows(Evidence(engines, types, lambda *_: ""), ("id",), lambda: spark.sql(query)))
        found[lane] = [(outcome.success, outcome.considered, *json.loads(dumps((outcome,)))) for outcome in ran.outcomes]
    theirs = {n: registry.build(check, n, "elsewhere") for n, check in enumerate(suite.checks, 1) if check.expect != "fresh"}
    results, _ = runner._ask("elsewhere", spark.sql(query), theirs, _detail(("id",), [*types]))
    found["great expectations"] = [
        (result.success, result.result, str(result.exception_info)) for _, result in sorted(results.items())
    ]
    spark.stop()
    return found


if __name__ == "__main__":
    print(json.dumps(judge(load(), sys.argv[1]), default=str, sort_keys=True))
