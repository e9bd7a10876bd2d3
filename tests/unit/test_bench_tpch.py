"""The realistic load: results that differ are refused, sections add up to the total, and nothing is sent before what it waits for."""

import math
import time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from bench.tpch import answer, report
from bench.tpch.contender import in_order, statements


def table(*rows: tuple[Any, ...], kind: pa.DataType | None = None) -> pa.Table:
    nation, amount, share = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "nation": pa.array(nation, pa.string()),
            "amount": pa.array(amount, kind or pa.decimal128(38, 4)),
            "share": pa.array(share, pa.float64()),
        }
    )


A, B = ("FRANCE", Decimal("12.3456"), 0.25), ("PERU", Decimal("7.0000"), 0.75)


def test_the_same_rows_agree_in_any_order_and_width_with_floats_that_differ_by_their_last_digits() -> None:
    nearly = ("PERU", Decimal("7"), 0.75 * (1 + 1e-12))
    answer.agree("q05", {"one": table(A, B), "two": table(nearly, A, kind=pa.decimal128(18, 4)), "three": table(B, A)})


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (table(A), "2 and 1 rows"),
        (table(), "2 and 0 rows"),
        (table(A, A), "PERU"),
        (table(A, ("PERU", Decimal("7.0001"), 0.75)), "7.0001"),
        (table(A, ("PERU", Decimal("7"), 0.7501)), "0.7501"),
        (table(A, ("PERU", None, 0.75)), "None"),
        (table(A, B).rename_columns(["nation", "amount", "ratio"]), "ratio"),
        (table(("FRANCE", 12.3456, 0.25), ("PERU", 7.0, 0.75), kind=pa.float64()), "float"),
    ],
)
def test_other_rows_are_refused(other: pa.Table, said: str) -> None:
    with pytest.raises(answer.WrongError, match=f"q05, one and two.*{said}"):
        answer.agree("q05", {"one": table(A, B), "two": other})


def queries(**others: pa.Table) -> dict[str, pa.Table]:
    """Tables with the standard's rows and values."""
    found = {name: pa.table({"x": pa.array(range(rows))}) for name, rows in answer.ROWS.items()}
    for name, (column, value) in answer.VALUES.items():
        found[name] = pa.table({column: [Decimal(value)] + [Decimal(0)] * (answer.ROWS[name] - 1)})
    return {f"{name}_of_something": found[name] for name in found} | others


def test_the_standards_answers_pass_at_scale_1() -> None:
    assert answer.answers(queries(), 1) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"q04_of_something": pa.table({"x": [1, 2, 3, 4]})},
        {"q06_of_something": pa.table({"revenue": [Decimal("123141078.24")]})},
        {"q02_of_something": pa.table({"x": pa.array([], pa.int64())})},
        {"q19_of_something": pa.table({"revenue": pa.array([None], pa.decimal128(38, 4))})},
    ],
)
def test_other_answers_and_none_are_refused_at_scale_1(wrong: dict[str, pa.Table]) -> None:
    (name,) = wrong
    with pytest.raises(answer.WrongError, match=name):
        answer.answers(queries(**wrong), 1)


def test_a_missing_query_is_refused_at_scale_1_and_one_without_rows_is_told_at_another() -> None:
    with pytest.raises(answer.WrongError, match="seen: 21"):
        answer.answers(dict(list(queries().items())[1:]), 1)
    assert answer.answers({"q02": table(), "q06": pa.table({"x": pa.array([None], pa.int64())}), "q07": table(A)}, 0.01) == [
        "q02",
        "q06",
    ]


TOOK = {
    "seconds": 20.0,
    "models": {
        "stg_a": (2.0, 3.0),
        "stg_b": (2.0, 4.0),
        "dim_a": (3.5, 6.0),
        "fct_a": (4.0, 11.0),
        "q01": (6.0, 9.0),
        "q02": (11.0, 18.0),
    },
}


def test_sections_add_up_to_the_total_even_where_they_overlap() -> None:
    found = report.parts(TOOK)
    assert found == {"start": 2, "staging": 2, "star": 7, "queries": 7, "end": 2}
    assert math.isclose(sum(found.values()), 20)


def test_the_page_has_ratios_within_rounds_and_says_what_dbt_adds() -> None:
    slow, fast = TOOK | {"seconds": 30.0}, TOOK | {"seconds": 5.0, "models": dict.fromkeys(TOOK["models"], (0.0, 1.0))}
    rounds = [{report.OURS: slow, report.PLAIN: TOOK, report.DUCKDB: fast}] * 3
    page = report.page(
        {
            "at": "2026-03-01",
            "scale": 0.01,
            "rounds": rounds,
            "first": rounds[0],
            "again": [8.0] * 3,
            "empty": ["q02"],
            "threads": 2,
            "memory": "3GB",
            "source": {"orders": 1000},
            "machine": {"cores": "2"},
            "versions": {"duckdb": "1"},
        }
    )
    assert "| dbt-duckdb | 5.0 | 5.0–5.0 | 0.17 × | 5.0 |" in page
    assert "**6.0 times** as long as dbt-duckdb" in page and "**1.50 times** as long as the same statements" in page
    assert "adds **10.0 s**, of which 14.0 s" in page
    assert "these queries have no answer: q02" in page


PARENTS = {
    "q01": frozenset({"fct"}),
    "dim": frozenset({"stg"}),
    "fct": frozenset({"stg", "dim"}),
    "stg": frozenset[str](),
    "q02": frozenset({"dim"}),
}


def test_nothing_is_done_before_what_it_waits_for_and_the_first_that_may_begin_comes_first() -> None:
    done: list[str] = []

    def do(name: str) -> str:
        assert PARENTS[name] <= set(done)
        time.sleep(0.02)  # else it would be done before another could go ahead
        done.append(name)
        return name.upper()

    assert in_order(PARENTS, 2, do) == {name: name.upper() for name in PARENTS}
    assert done[:2] == ["stg", "dim"] and set(done[2:4]) == {"q02", "fct"}


def test_a_statement_that_fails_ends_it() -> None:
    def fail(name: str) -> None:
        raise RuntimeError(name)

    with pytest.raises(RuntimeError, match="stg"):
        in_order(PARENTS, 2, fail)


def test_statements_are_those_of_the_models_in_the_manifest() -> None:
    node = {
        "resource_type": "model",
        "name": "dim",
        "relation_name": "star.dim",
        "compiled_code": "select 1",
        "config": {"materialized": "table"},
    }
    node["depends_on"] = {"nodes": ["source.x", "model.stg"]}
    below = node | {
        "name": "stg",
        "relation_name": "s.stg",
        "config": {"materialized": "view"},
        "depends_on": {"nodes": ["source.x"]},
    }
    order = [{"unique_id": f"model.{name}", "timing": [{"started_at": at}]} for name, at in (("stg", "10:01"), ("dim", "10:02"))]
    made = statements({"nodes": {"model.dim": node, "model.stg": below, "test.y": {"resource_type": "test"}}}, {"results": order})
    assert list(made) == ["stg", "dim"]
    assert made["dim"].text == "create or replace table star.dim using delta as\nselect 1" and made["dim"].parents == {"stg"}
    assert made["stg"].text == "create or replace view s.stg as\nselect 1" and not made["stg"].parents
