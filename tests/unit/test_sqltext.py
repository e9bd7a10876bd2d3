"""What a query names and asks for, by its text."""

import pytest
from sql_names import NAMED

from lakehouse.engines import sqltext
from lakehouse.engines.sqlnames import named
from lakehouse.engines.sqlrows import chooses_rows


@pytest.mark.parametrize(("sql", "names"), NAMED)
def test_the_tables_that_a_query_names(sql: str, names: str) -> None:
    assert " ".join(".".join(name.parts) for name in named(sql)) == names
    for name in named(sql):
        assert sql[name.start : name.end].replace("`", "").lower().split(".")[-1][:1] == name.parts[-1][:1].lower()


@pytest.mark.parametrize(
    ("sql", "surely"),
    [
        ("select current_date(), now ( ), Rand(1), `uuid`()", "current_date() now() rand() uuid()"),
        ("select system.builtin.now(), builtin.now()", "now()"),
        ("select unix_timestamp(), unix_timestamp(a), to_unix_timestamp(b)", "unix_timestamp()"),
        ("select a.now, now, random, uuid, x as now, shuffle from t", ""),
        ("select 'now()', \"rand()\", `uuid()` -- now()\n /* now() */", ""),
        ("select * from t tablesample (10 percent)", "tablesample"),
        ("select date 'today', timestamp'Now', date '2026-01-01'", "'now' 'today'"),
        ("select _metadata.file_name, t._metadata.row_index from t", "_metadata"),
        ("select '${env:USER}'", "a variable of the session"),
        ("select transform(a) using 'cat' from t", "a script"),
        ("select reflect('java.lang.Math', 'random'), ai_query('x')", "ai_query(), which is no function of Spark's own reflect()"),
        (
            "select shop.tax(a), spark_catalog.shop.tax(b)",
            "shop.tax(), which is no function of Spark's own spark_catalog.shop.tax(), which is no function of Spark's own",
        ),
        ("select * from table_changes('x.a', 1)", "table_changes(), which is no function of Spark's own"),
        ("with user (a, b) as (select 1, 2), y(c) as (select 3) select * from user u (a, b), y as z (c) join y w (d)", ""),
        (
            "select cast(a as decimal(10, 2)), b::varchar(3), c in (1), not (d), e like any ('x'), if(f, 1, 2), g between (1) and (2)",
            "",
        ),
        (
            "select percentile_cont(0.5) within group (order by a), count(*) filter (where b) over (partition by c) from t group by grouping sets ((a))",
            "",
        ),
        (
            "select * except (a), transform(b, x -> x + 1), struct(c), array(1), map('a', 1), exists (select 1) from t group by cube (a), b",
            "",
        ),
    ],
)
def test_functions_are_told_from_names(sql: str, surely: str) -> None:
    assert " ".join(sorted(sqltext.asked(sql).surely)) == surely


@pytest.mark.parametrize(
    ("sql", "perhaps"),
    [
        ("select user, current_date, t.user, user.name, 1 as user, b user from t current_user", "current_date user"),
        ("select a from t where day >= CURRENT_DATE - interval 1 day and `session_user` = 'x'", "current_date session_user"),
        (
            "select case when a = 'today' then ' NOW ' else 'today UTC' end, 'nowhere', 'today we sell' from t",
            "' now ' 'today utc' 'today'",
        ),
        ("select username, user_id, current_dates from t", ""),
    ],
)
def test_words_that_may_be_columns_are_told_apart(sql: str, perhaps: str) -> None:
    assert " ".join(sorted(sqltext.asked(sql).perhaps)) == perhaps
    assert not sqltext.asked(sql).surely


def test_aliases_are_known() -> None:
    assert {"user", "b", "x"} <= sqltext.asked("select 1 as user, a b from t x").aliases


@pytest.mark.parametrize(
    ("sql", "chooses"),
    [
        ("select *, current_timestamp() as loaded_at from x.a where _batch_id > 3", False),
        (
            "with new as (select * from x.a where b), final as (select new.*, now() as at, uuid() u from new join x.b on true) select * from final",
            False,
        ),
        (
            "select id, coalesce(a, cast(current_date as string)) || 'x' as d, (select max(v) from x.b) as m from (select id, a from x.a) t",
            False,
        ),
        ("select * except (a), current_user from x.a", False),
        ("select id from x.a where day >= current_date()", True),
        ("select id, now() as at from x.a where day >= date_sub(current_date, 3)", True),
        ("with n as (select *, current_date() as today from x.a) select * from n where day < today", True),
        (
            "with n as (select *, now() n1 from x.a), m as (select *, date(n1) as d from n) select id from m join x.b on m.d = b.d",
            True,
        ),
        ("select id, rand() as r from x.a qualify row_number() over (order by r) = 1", True),
        ("select id, row_number() over (order by rand()) as r from x.a", True),
        ("select id from x.a where exists (select 1 from x.b where b.day = current_date())", True),
        ("select id, null as t from x.a union all select id, now() as u from x.b", True),
        ("with n (a, b) as (select id, now() from x.a) select a from n where b > c", True),
        ("select * from x.a tablesample (5 percent)", True),
        ("select id, shop.tax(a) from x.a", True),
        ("select id from x.a limit 5", False),
    ],
)
def test_what_decides_on_rows_is_told_from_what_stands_in_a_column(sql: str, chooses: bool) -> None:
    assert chooses_rows(sql) is chooses
