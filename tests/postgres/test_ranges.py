"""Ranges of a real table are even in what they cost, however its rows lie."""

from contextlib import closing

import psycopg2
import pytest
from bronze_reader import execute, query

from ingestion.postgres import ranges
from ingestion.postgres.discover import discover


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
        [leaf] = table.leaves
        pieces = ranges.cut(source, table, leaf)
    assert len(pieces) >= 4 and (leaf.toast_pages > leaf.pages) == (text == "toasted")
    where = [ranges.range_condition(first, end) for first, end, _ in pieces]
    found = [query(fresh_database, f"select count(*), coalesce(sum(length(v)), 0) from t where {one}")[0] for one in where]
    assert sum(rows for rows, _ in found) == query(fresh_database, "select count(*) from t")[0][0]
    costs = sorted(100 * rows + held for rows, held in found)
    assert costs[-1] <= 1.3 * costs[len(costs) // 2]
