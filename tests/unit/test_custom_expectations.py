"""Checks of our own: age, number of rows, other tables, conservation, contract; each answered by a query of DuckDB here."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.custom_expectations import (
    Conserved,
    CustomExpectation,
    ForeignKey,
    Fresh,
    SameAsContract,
    UsualRowCount,
    answer,
)
from expectations.evidence import Evidence
from lakehouse.engines.dialect import DUCKDB, SPARK, Engine
from lakehouse.tables.types import one_name

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def tables() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def evidence(tables: duckdb.DuckDBPyConnection, rows: str = "select * from child", **more: Any) -> Evidence:
    engine = Engine(lambda query: tables.execute(query).fetchall(), rows, DUCKDB)
    return Evidence((engine,), more.pop("types", {}), lambda name, engine, which: f"select * from {name}", now=NOW, **more)


def answered(promise: CustomExpectation, told: Evidence) -> dict[str, Any]:
    found, problem = answer(promise, told)
    assert problem == ""
    return found


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
@pytest.mark.parametrize(("within", "fresh"), [("13 hours", True), ("11 hours", False), ("1 week", True), ("30 minutes", False)])
def test_fresh_is_as_old_as_its_newest_value(tables: duckdb.DuckDBPyConnection, kind: str, within: str, fresh: bool) -> None:
    tables.execute(f"create table child as select d::{kind} as at from (values ('2026-03-10 00:00'), ('2026-03-01 00:00')) t(d)")
    told = evidence(tables)
    found = answered(Fresh(column="at", within=within), told)
    assert found["success"] == fresh and "12.0 hours old" in found["observed_value"]
    assert (told.until is not None) == fresh  # a verdict that holds now ends by itself


def test_a_table_without_a_time_is_not_fresh(tables: duckdb.DuckDBPyConnection) -> None:
    tables.execute('create table child ("at" timestamptz)')
    assert not answered(Fresh(column="at", within="1 day"), evidence(tables))["success"]


@pytest.mark.parametrize(
    ("history", "is_pending", "rows", "usual"),
    [
        ((100, 101, 99), True, 5000, True),  # too few to know
        ((100, 101, 99, 100, 100, 102), True, 104, True),
        ((100, 101, 99, 100, 100, 102), True, 50, False),
        ((100, 101, 99, 100, 100, 102), True, 1000, False),
        ((1000, 1100, 1200, 1300, 1400), False, 1500, True),  # it grows by a hundred each time
        ((1000, 1100, 1200, 1300, 1400), False, 700, False),
        ((1000, 1100, 1200, 1300, 1400), False, 2800, False),
    ],
)
def test_rows_are_as_usual_or_not(
    tables: duckdb.DuckDBPyConnection, history: tuple[int, ...], is_pending: bool, rows: int, usual: bool
) -> None:
    told = evidence(tables, f"select * from range({rows})", history=history, is_pending=is_pending)
    assert answered(UsualRowCount(), told)["success"] == usual


@given(st.lists(st.integers(0, 10_000), min_size=5, max_size=40), st.booleans())
def test_what_is_just_as_before_is_usual(history: list[int], is_pending: bool) -> None:
    low, high = UsualRowCount().band(tuple(history), is_pending)
    steps = history if is_pending else [b - a for a, b in zip(history, history[1:], strict=False)]
    usual = sorted(steps)[len(steps) // 2] + (0 if is_pending else history[-1])
    assert low <= usual <= high or len(steps) % 2 == 0


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 5)), st.one_of(st.none(), st.integers(0, 2))), max_size=20),
    st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 5)), st.one_of(st.none(), st.integers(0, 2))), max_size=10),
)
def test_orphans_are_what_is_in_no_parent(child: list[tuple[int | None, ...]], parent: list[tuple[int | None, ...]]) -> None:
    with duckdb.connect() as tables:
        for name, rows in (("child", child), ("parent", parent)):
            tables.execute(f"create table {name} (a int, b int)")
            if rows:
                tables.executemany(f"insert into {name} values (?, ?)", rows)
        found = answered(ForeignKey(column_list=["a", "b"], table="parent"), evidence(tables))
        single = answered(ForeignKey(column="a", table="parent", to="b"), evidence(tables))
    whole = [row for row in child if None not in row]
    assert found["unexpected_count"] == sum(row not in parent for row in whole)
    assert (found["element_count"], found["missing_count"]) == (len(child), len(child) - len(whole))
    assert found["success"] == (found["unexpected_count"] == 0)
    assert single["unexpected_count"] == sum(a is not None and a not in {b for _, b in parent} for a, _ in child)


def test_orphans_are_shown_and_only_rows_that_are_asked_for_count(tables: duckdb.DuckDBPyConnection) -> None:
    tables.execute("create table parent as select 1 as id")
    tables.execute("create table child as select * from (values (7, false), (9, true), (1, false)) t(id, gone)")
    told = evidence(tables, types={"id": "long", "gone": "boolean"})
    assert answered(ForeignKey(column="id", table="parent"), told)["partial_unexpected_list"] == [7, 9]
    promise = ForeignKey(column="id", table="parent", row_condition="not gone", condition_parser="spark")
    assert answered(promise, told)["partial_unexpected_list"] == [7]
    assert answered(ForeignKey(column="id", table="parent", mostly=0.3), told)["success"]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4)), min_size=1, max_size=25), st.data())
def test_a_row_lost_or_made_up_on_the_way_from_bronze_is_noticed(rows: list[tuple[int, int]], data: st.DataObject) -> None:
    newest = {key: max(batch for other, batch in rows if other == key) for key, _ in rows}
    here = list(newest.items())
    change = data.draw(st.sampled_from(["none", "lost", "twice", "late"]))
    if change == "lost":
        here.pop()
    elif change == "twice":
        here.append(here[0])
    elif change == "late":  # an older version of the key, under its older batch
        here[0] = (here[0][0], here[0][1] + 1)
    with duckdb.connect() as tables:
        tables.execute("create table bronze (k int, _batch_id bigint)")
        tables.executemany("insert into bronze values (?, ?)", rows)
        tables.execute("create table child (k int, _batch_id bigint)")
        if here:
            tables.executemany("insert into child values (?, ?)", here)
        found = answered(Conserved(table="bronze", key=["k"]), evidence(tables))
    assert found["success"] == (change == "none")
    assert (
        f"{len(rows)} rows there = {len(newest)} keys + {len(rows) - len(newest)} superseded + 0 in quarantine"
        in found["observed_value"]
    )


@pytest.mark.parametrize(
    ("held", "wanted", "said"),
    [
        ({"a": "long", "b": "decimal(10,2)"}, {"b": "decimal(10, 2)", "a": "BIGINT"}, ""),
        ({"a": "long"}, {"a": "int"}, "a is bigint, not int"),
        ({"a": "long"}, {"a": "bigint", "b": "string"}, "b is missing"),
        ({"a": "long", "b": "string"}, {"a": "bigint"}, "b is not in the contract"),
    ],
)
def test_columns_are_those_of_the_contract(
    tables: duckdb.DuckDBPyConnection, held: dict[str, str], wanted: dict[str, str], said: str
) -> None:
    found = answered(SameAsContract(), evidence(tables, types=held, contract=wanted))
    assert found["success"] == (not said) and said in found["observed_value"]


def test_no_contract_is_no_answer(tables: duckdb.DuckDBPyConnection) -> None:
    assert "no enforced contract" in answer(SameAsContract(), evidence(tables))[1]


def test_what_one_engine_cannot_say_the_next_is_asked(tables: duckdb.DuckDBPyConnection) -> None:
    tables.execute("create table child as select 1 as id")
    able = evidence(tables).engines[0]
    broken = Engine(lambda query: tables.execute("select nothing").fetchall(), "", DUCKDB)
    told = evidence(tables)
    told.engines = (broken, able)
    assert answered(UsualRowCount(), told)["success"]
    told.engines = (able, broken)
    assert answered(UsualRowCount(), told)["success"]
    told.engines = (broken,)
    assert answer(UsualRowCount(), told)[1]


def test_a_condition_that_duckdb_may_read_otherwise_is_left_to_spark(tables: duckdb.DuckDBPyConnection) -> None:
    tables.execute("create table child as select 1 as id")
    asked: list[str] = []
    spark = Engine(lambda query: asked.append(query) or [(1,)], "select 1 as id", SPARK)  # type: ignore[func-returns-value]
    told = evidence(tables)
    told.engines = (*told.engines, spark)
    answered(UsualRowCount(row_condition="id rlike 'x'", condition_parser="spark"), told)
    assert len(asked) == 1 and "rlike" in asked[0]


@pytest.mark.parametrize(
    ("said", "one"),
    [
        ("LONG", "bigint"),
        ("numeric(4, 1)", "decimal(4,1)"),
        ("varchar(5)", "string"),
        ("decimal", "decimal(10,0)"),
        ("array<long>", "array<bigint>"),
        ("Map<Text, NUMERIC( 4,1 )>", "map<string,decimal(4,1)>"),
        ("struct<long: integer, b array<varchar(3)>>", "struct<long:int,b:array<string>>"),
        ("array<decimal>", "array<decimal(10,0)>"),
        ("dec(7)", "decimal(7,0)"),
        ("timestamp_LTZ", "timestamp"),
        ("character varying(10)", "string"),
        ("Timestamp_NTZ", "timestamp_ntz"),
        (
            "STRUCT<`a b`: REAL NOT NULL COMMENT 'it\\'s > <', Not: byte not null, c: Map<short, struct<d: text>> comment \"x\">",
            "struct<a b:float,not:tinyint,c:map<smallint,struct<d:string>>>",
        ),
        ("interval day to second", "interval day to second"),
        ("struct<>", "struct<>"),
        ("STRUCT<x y:INT>", "struct<x y:int>"),
        ("array<int", "array<int"),
        ("", ""),
    ],
)
def test_a_type_has_one_name(said: str, one: str) -> None:
    assert one_name(said) == one


def test_until_is_the_first_moment_at_which_something_ends(tables: duckdb.DuckDBPyConnection) -> None:
    tables.execute("create table child as select timestamptz '2026-03-10 11:00' as at")
    told = evidence(tables)
    for within in ("2 days", "3 hours", "1 week"):
        answered(Fresh(column="at", within=within), told)
    assert told.until == NOW + timedelta(hours=2)
