"""Kinds of trouble that people report of copies out of PostgreSQL, and that come out right here."""

from pathlib import Path

import psycopg2
import pytest
from bronze_reader import bronze, execute, latest, query
from ingest_helpers import configure

from ingestion import reconcile
from ingestion import run as ingest
from ingestion.outcome import IngestionRun
from ingestion.sources.postgres import source as postgres
from lakehouse.settings import Settings

# A value of each, and what bronze shows of it.
PRINTED = {
    "name[]": ("'{a,b}'", ["a", "b"]),
    "regtype": ("'int4'", "integer"),
    "xid": ("'4294967295'", "4294967295"),
    "tid": ("'(1,2)'", "(1,2)"),
    "tags": ("'[0:1]={a,b}'", ["a", "b"]),
    "tags[]": ("array['{a,b}'::tags]", '{"{a,b}"}'),
    "span": ("'[1.5,Infinity]'", "[1.5,Infinity]"),
    "hstore": ("'a=>1, b=>NULL'", '"a"=>"1", "b"=>NULL'),
    "ltree": ("'a.b.c'", "a.b.c"),
    "citext[]": ("'{AbC}'", ["AbC"]),
    "cube": ("'(1,2),(3,4)'", "(1, 2),(3, 4)"),
    "vector(3)": ("'[1,2,3]'", "[1,2,3]"),
    "halfvec(2)[]": ("array['[1.5,2]'::halfvec]", ["[1.5,2]"]),
    "box[]": ("'{(1,1),(0,0);(2,2),(1,1)}'", ["(1,1),(0,0)", "(2,2),(1,1)"]),
    "money[]": ("'{1234.50,-2}'", ["$1,234.50", "-$2.00"]),
    "oid[]": ("'{4294967295}'", ["4294967295"]),
    "int4[]": ("'[0:2]={1,2,3}'", [1, 2, 3]),
    "jsonb": ("'123456789012345678901234567890.1234567890'", "123456789012345678901234567890.1234567890"),
    "json": (r"""'"\ud800"'""", r'"\ud800"'),
    "text": (r"U&'\FFFF\+10FFFF'", "\uffff\U0010ffff"),
    "daterange": ("'[2020-01-01,infinity]'", "[2020-01-01,infinity]"),
}


def copied(settings: Settings) -> dict[str, tuple[int, int]]:
    """Rows and deletes of each table, none of which may fail."""
    done = ingest.run(settings)
    assert done.failed == []
    return {outcome.table.removeprefix("public."): (outcome.rows, outcome.deletes) for outcome in done.outcomes}


def unequal(settings: Settings) -> list[tuple[str, str]]:
    """Tables that are not what the source holds."""
    found = reconcile.run(settings)
    assert found
    return [(item.table, item.error or str(item.differences)) for item in found if item.word != "equal"]


def test_keys_that_postgres_holds_to_be_equal(lake_settings: Settings) -> None:
    """A key is rewritten as another text that its type finds equal: case, trailing zeros, another spelling of an interval."""
    dsn = lake_settings.dsn()
    kinds = {
        "citext": ("a", "A"),
        "numeric": ("1.0", "1.00"),
        "jsonb": ('{"a": 1.0}', '{"a": 1.00}'),
        "interval": ("1 day", "24:00"),
    }
    execute(dsn, "create extension citext")
    for kind, (before, _) in kinds.items():
        execute(
            dsn, f"create table {kind}_key(k {kind} primary key, v int)", f"insert into {kind}_key(k, v) values ('{before}', 1)"
        )
    execute(dsn, "create table spaced(k text primary key, v int)", "insert into spaced values ('a', 1), ('a ', 2), ('', 3)")
    execute(dsn, "create table padded(k char(3) primary key, v int)", "insert into padded values ('a', 1)")
    execute(dsn, r"create table octets(k bytea primary key)", r"insert into octets values ('\x00'), ('\x0000'), ('')")
    assert len(copied(lake_settings)) == len(kinds) + 3
    for kind, (_, after) in kinds.items():
        execute(dsn, f"update {kind}_key set k = '{after}'")
    execute(dsn, "update spaced set v = 9 where k = 'a '", r"delete from octets where k = '\x00'")
    found = copied(lake_settings)
    assert found == {f"{kind}_key": (1, 1) for kind in kinds} | {"spaced": (1, 0), "padded": (0, 0), "octets": (0, 1)}
    assert latest(lake_settings, "citext_key", ["k"], "k") == [("A",)]
    assert unequal(lake_settings) == []


def test_columns_called_like_ours(lake_settings: Settings) -> None:
    """Columns and keys with the names that statements of the copy itself give to theirs."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table a(c1 int, c0 text, taken int, primary key (taken, c1))",
        "insert into a values (1, 'zero', 2), (3, 'four', 5)",
        'create table b(held int, b int, s int, k int, n int, "_gone" bool, "row_number" int, primary key (held, b, s, k, n))',
        "insert into b values (1, 2, 3, 4, 5, true, 7)",
        'create table c("select" int, "null" int, "true" int, "user" int, primary key ("select", "null", "true", "user"))',
        "insert into c values (1, 2, 3, 4)",
    )
    assert copied(lake_settings) == {"a": (2, 0), "b": (1, 0), "c": (1, 0)}
    assert bronze(lake_settings, "a", "c1, c0, taken", "order by 1") == [(1, "zero", 2), (3, "four", 5)]
    execute(dsn, "delete from a where c1 = 1", "delete from b", "delete from c")
    assert copied(lake_settings) == {"a": (0, 1), "b": (0, 1), "c": (0, 1)}
    assert unequal(lake_settings) == []


def test_a_table_whose_name_is_a_pattern_is_read_again(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table's name holds commas, stars and brackets, and the run comes back to it by name."""
    dsn = lake_settings.dsn()
    configure(monkeypatch, tmp_path, 'tables:\n  "public.m[1]*,?a":\n    cursor: updated_at\n')
    execute(dsn, 'create table "m[1]*,?a"(id int primary key, updated_at timestamptz)', 'insert into "m[1]*,?a" values (1, now())')
    execute(dsn, "create table m1(id int primary key)", "insert into m1 values (1)")
    copied(lake_settings)
    execute(dsn, "insert into \"m[1]*,?a\" values (2, '2001-01-01')")  # back-dated: no cursor sees it
    assert copied(lake_settings) == {"m[1]*,?a": (2, 0), "m1": (0, 0)}
    assert unequal(lake_settings) == []


def test_what_is_done_to_tables_between_two_runs(lake_settings: Settings) -> None:
    """Keys swapped, dropped, widened; defaults that write no row; tables emptied and filled, made anew, put in order, moved."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table swapped(id int primary key deferrable initially deferred, v text)",
        "insert into swapped values (1, 'a'), (2, 'b')",
        "create table wide(id int primary key, v text)",
        "insert into wide values (1, 'a'), (2, 'b')",
        "create table nulls(id int, v text, unique nulls not distinct (id))",
        "insert into nulls values (1, 'a'), (null, 'b')",
        "create table keyless(id int, v text, constraint k primary key (id))",
        "insert into keyless values (1, 'a'), (2, 'b')",
        "create table filled(id int primary key, v text)",
        "insert into filled values (1, 'a'), (2, 'b')",
        "create table fresh(id int primary key)",
        "insert into fresh values (1), (2)",
        "create table anew(id int primary key)",
        "insert into anew values (1), (2)",
        "create unlogged table ordered(id int primary key)",
        "insert into ordered values (2), (1)",
        "create table stored(id int primary key, a int, v int generated always as (a * 2) stored)",
        "insert into stored values (1, 5)",
        "create table parts(id int, k int, primary key (id, k)) partition by list (k)",
        "create table parts1 partition of parts for values in (1)",
        "create table parts2 partition of parts for values in (2)",
        "insert into parts values (1, 1), (2, 2)",
        "create table spans(id int, valid daterange, primary key (id, valid))",
        "insert into spans values (1, '[2020-01-01,2021-01-01)')",
    )
    assert len(copied(lake_settings)) == 11
    execute(
        dsn,
        "update swapped set id = 3 - id",
        "alter table wide alter id type bigint",
        "delete from wide where id = 1",
        "update nulls set v = 'c' where id is null",
        "alter table keyless drop constraint k",
        "begin; truncate filled; insert into filled values (1, 'z'), (2, 'z'); commit",
        "alter table fresh add column d int default 7",
        "drop table anew",
        "create table anew(id int primary key, w text)",
        "insert into anew values (1, 'w')",
        "cluster ordered using ordered_pkey",
        "alter table stored alter v set expression as (a * 3)",
        "update parts set k = 2 where id = 1",
        "update spans set valid = '[2020-01-01,2020-07-01)'",
    )
    copied(lake_settings)
    assert unequal(lake_settings) == []
    assert query(dsn, "select v from stored") == [(15,)] == bronze(lake_settings, "stored", "v", "order by _batch_id desc limit 1")
    assert set(copied(lake_settings).values()) == {(0, 0)}


def test_rows_that_change_place_while_they_are_read(lake_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between plan and reading rows are updated, vacuumed and moved; a table of several ranges can't be packed meanwhile."""
    dsn = lake_settings.dsn()
    monkeypatch.setattr("ingestion.sources.postgres.ranges.RANGE_PAGES", 3)
    execute(
        dsn,
        "create table t(id int primary key, v text)",
        "insert into t select n, repeat('x', 500) from generate_series(1, 999) n",
        "delete from t where id % 2 = 0",
        "create table parts(id int primary key, k int) partition by hash (id)",
        *(f"create table parts{n} partition of parts for values with (modulus 2, remainder {n})" for n in (0, 1)),
        "insert into parts select n, n from generate_series(1, 20) n",
    )
    real = postgres.extract

    def between(*given: object) -> object:
        execute(dsn, "update t set v = 'y' where id < 500", "vacuum t", "update parts set id = id + 20")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            execute(dsn, "set lock_timeout = '300ms'", "vacuum full t")
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(postgres, "extract", between)
    assert copied(lake_settings) == {"t": (500, 0), "parts": (20, 0)}
    assert bronze(lake_settings, "t", "count(distinct id), min(v) = max(v)") == [(500, True)]
    monkeypatch.setattr(postgres, "extract", real)
    assert copied(lake_settings) == {"t": (250, 0), "parts": (20, 20)}
    assert unequal(lake_settings) == []


def test_types_of_extensions_and_of_the_catalog(lake_settings: Settings) -> None:
    """Types that connectors do not know arrive as PostgreSQL prints them."""
    dsn = lake_settings.dsn()
    extensions = [f"create extension {name}" for name in ("hstore", "ltree", "citext", "cube", "vector")]
    execute(dsn, *extensions, "create domain tags as text[]", "create type span as range (subtype = float8)")
    for number, (kind, (value, _)) in enumerate(PRINTED.items()):
        execute(dsn, f"create table t{number}(id int primary key, v {kind})", f"insert into t{number} values (1, {value})")
    assert len(copied(lake_settings)) == len(PRINTED)
    seen = {kind: bronze(lake_settings, f"t{number}", "v")[0][0] for number, kind in enumerate(PRINTED)}
    assert seen == {kind: printed for kind, (_, printed) in PRINTED.items()}
    assert unequal(lake_settings) == []


def test_a_key_that_bronze_cannot_hold_is_refused_by_name(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows whose keys differ in values that have no place in the lake's types must not become one row."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int, until timestamptz, v text, primary key (id, until))",
        "insert into t values (1, '2020-01-01', 'a'), (1, 'infinity', 'b'), (1, '-infinity', 'c')",
    )
    done: IngestionRun = ingest.run(lake_settings)
    assert ["key column until" in item.error and "infinity" in item.error for item in done.failed] == [True]
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    texts: [until]\n")
    assert copied(lake_settings) == {"t": (3, 0)}
    execute(dsn, "delete from t where until = '-infinity'")
    assert copied(lake_settings) == {"t": (0, 1)}
    assert unequal(lake_settings) == []
