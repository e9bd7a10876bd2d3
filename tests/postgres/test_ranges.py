"""Ranges of a real table are even in what they cost, however its rows lie."""

from contextlib import closing

import psycopg2
import pytest
from bronze_reader import execute, query

from ingestion.sources.postgres import ranges
from ingestion.sources.postgres.discover import discover, sizes


@pytest.mark.parametrize(
    ("fill", "text"),
    [
        ("insert into t select n, repeat('x', 200) from generate_series(1, 40000) n; delete from t where id < 20000", "inline"),
        ("insert into t select n, repeat('x', case when n > 30000 then 800 else 1 end) from generate_series(1, 40000) n", "inline"),
        (  # values out of the line: few pages, most of them dear
            "insert into t select n, (select string_agg(md5((n * 100 + k)::text), '') from generate_series(1, case when n > 8000 "
            "then 80 else 2 end) k) from generate_series(1, 20000) n",
            "toasted",
        ),
    ],
)
def test_ranges_are_even_however_the_rows_lie(fresh_database: str, monkeypatch: pytest.MonkeyPatch, fill: str, text: str) -> None:
    monkeypatch.setattr(ranges, "RANGE_PAGES", 512 if text == "toasted" else 64)
    execute(fresh_database, "create table t(id int primary key, v text)", *fill.split("; "))
    execute(fresh_database, "vacuum t")
    with closing(psycopg2.connect(fresh_database)) as source:
        [table] = discover(source)
        table = table.sized(sizes(source, [table]))
        [leaf] = table.leaves
        pieces = ranges.cut(source, table, leaf)
    assert len(pieces) >= 4 and (leaf.toast_pages > leaf.pages) == (text == "toasted")
    where = [ranges.range_condition(first, end) for first, end, _ in pieces]
    found = [query(fresh_database, f"select count(*), coalesce(sum(length(v)), 0) from t where {one}")[0] for one in where]
    assert sum(rows for rows, _ in found) == query(fresh_database, "select count(*) from t")[0][0]
    costs = sorted(100 * rows + held for rows, held in found)
    assert costs[-1] <= 1.3 * costs[len(costs) // 2]


def test_a_table_of_many_columns_is_cut_in_no_time(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "RANGE_PAGES", 16)
    names = [f"c{number}" for number in range(1000)]
    execute(fresh_database, f"create table t({', '.join(f'{name} int' for name in names)})")
    execute(fresh_database, "insert into t(c1, c999) select n, n from generate_series(1, 30000) n")
    asked: list[float] = []
    with closing(psycopg2.connect(fresh_database)) as source:
        [table] = discover(source)
        table = table.sized(sizes(source, [table]))
        probe = ranges._probe
        monkeypatch.setattr(ranges, "_probe", lambda *given: asked.append(given[-1]) or probe(*given))
        pieces = ranges.cut(source, table, table.leaves[0])
    assert len(pieces) > 10 and asked == [20], "a statement of half a million terms would take the source minutes"


def test_what_an_index_finds_is_one_piece_and_what_is_looked_for_a_few(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "RANGE_PAGES", 16)
    execute(
        fresh_database,
        "create table t(id int, at timestamptz, v text)",
        "insert into t select n, timestamptz '2026-01-01' + n * interval '1 s', repeat('x', 100) from generate_series(1, 50000) n",
        "create index on t (at)",
        "analyze t",
    )
    with closing(psycopg2.connect(fresh_database)) as source:
        [leaf] = discover(source)[0].leaves
        late = "at >= '2026-01-01 13:50:00'"
        assert ranges.cut_window(source, leaf, late, 8) == [(0, None, leaf.pages)]
        assert len(ranges.cut_window(source, leaf, "age(xmin) <= age('3'::xid)", 8)) == 8
        monkeypatch.setattr(ranges, "_FOUND", 50)
        pieces = ranges.cut_window(source, leaf, late, 8)
    assert len(pieces) > 3
    where = [ranges.range_condition(first, end) or "true" for first, end, _ in pieces]
    found = sum(query(fresh_database, f"select count(*) from t where {one} and {late}")[0][0] for one in where)
    assert found == query(fresh_database, f"select count(*) from t where {late}")[0][0] > 100
