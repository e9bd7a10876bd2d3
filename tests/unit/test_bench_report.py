"""The benchmark's page: medians of ratios within rounds, and no contender that failed is left out."""

import math
from typing import Any

import pytest

from bench.ingest import report


def done(seconds: float, rows: int = 1000) -> dict[str, Any]:
    return {"seconds": seconds, "rows": rows, "cpu": 1.5, "source_cpu": 0.5, "base_mb": 50, "peak_mb": 120, "bytes": 2_000_000}


RACE = {
    "at": "2026-03-01 10:00 UTC",
    "scale": 0.5,
    "source": {"rows": 1000, "bytes": 3_000_000},
    "rounds": [
        {report.LIMIT: done(1), report.OURS: done(2), "dlt": done(8), "broken": {"error": "wrote 7 | 9 rows"}},
        {report.LIMIT: done(2), report.OURS: done(3), "dlt": {"error": "timed out"}, "broken": {"error": "wrote 7 rows"}},
        {report.LIMIT: done(4), report.OURS: done(4), "dlt": done(40), "broken": {"error": "wrote 7 rows"}},
    ],
}


def line(name: str) -> report.Line:
    return next(found for found in report.lines(RACE) if found.name == name)


def test_a_ratio_is_the_median_of_the_rounds_ratios_not_the_ratio_of_medians() -> None:
    assert line(report.OURS).to_limit == 1.5  # of 2, 1.5 and 1
    assert line("dlt").to_ours == pytest.approx(7)  # of 4 and 10: the round in which it failed has none
    assert line(report.OURS).to_ours == 1
    assert (line("dlt").seconds, line("dlt").low, line("dlt").high) == (24, 8, 40)


def test_the_fastest_comes_first_and_what_never_succeeded_last() -> None:
    assert [found.name for found in report.lines(RACE)] == [report.LIMIT, report.OURS, "dlt", "broken"]
    assert math.isnan(line("broken").seconds)


def test_a_failed_contender_is_shown_with_its_reason() -> None:
    page = report.page({"race": {"wide": RACE}})
    assert "| broken | failed | –" in page
    assert "**broken** failed in 3 of 3 rounds: wrote 7 | 9 rows" in page
    assert "**dlt** failed in 1 of 3 rounds: timed out" in page
    assert "| Comporta | 3.00 | 2.00–4.00 | 333 | 1.50 | 1.00 | 1.5 | 0.5 | 120 | 50.0 | 2.0 |" in page


def test_the_other_sections_are_shown_and_their_failures_too() -> None:
    dated = {"at": "2026-03-01 10:00 UTC", "scale": 1}
    page = report.page(
        {
            "memory": dated | {"data": {"wide": [done(2)], "wide40": [{"error": "out of memory"}]}},
            "increments": dated
            | {"data": {"wide": {"rows": 4000, "changed": 40, "first": done(9), "rounds": [done(1) | {"moved": 41}]}}},
            "recording": dated
            | {
                "data": {
                    "rounds": [{"comporta": done(3), "unrecorded": done(2)}] * 2
                    + [{"comporta": {"error": "gone"}, "unrecorded": done(1)}]
                }
            },
            "unchanged": dated | {"data": {"tables": 20, "rounds": [done(0.7), done(0.9), done(0.8)]}},
            "skew": dated | {"data": {"rounds": [done(2) | {"ranges": [1.0, 2.0, 1.0]}], "key_ranges": [90, 5, 5]}},
        }
    )
    assert "| wide | 1 000 | 2.0 | 120 | 70 |  |" in page and "failed 1×: out of memory" in page
    assert "| wide | 4 000 | 40 | 41 | 9.0 | 1.00 | 1.50 | 0.50 |  |" in page
    assert "| seconds | 3.00 | 2.00 | 50.0 % | gone |" in page
    assert "| 20 | 0.80 | 1.50 | 0.50 |  |" in page
    assert "the median one | 2.00 |" in page and "fullest of 3 equal ranges of the key over the median one | 18.0 |" in page
