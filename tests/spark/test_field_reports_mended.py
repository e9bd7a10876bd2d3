"""Kinds of trouble that people report of copies out of PostgreSQL, and that were ours too: keys, names, types, tables that change."""

from pathlib import Path
from typing import Any

import pytest
from bronze_reader import bronze, execute, latest, query
from ingest_helpers import configure

from ingestion import reconcile
from ingestion import run as ingest
from ingestion.outcome import IngestionRun
from ingestion.sources.postgres import source as postgres
from lakehouse.settings import Settings


def tables(done: IngestionRun) -> dict[str, str]:
    """What became of each table."""
    return {outcome.table.removeprefix("public."): outcome.error or outcome.status for outcome in done.outcomes}


def unequal(settings: Settings) -> list[tuple[str, str]]:
    """Tables that are not what the source holds."""
    found = reconcile.run(settings)
    assert found
    return [(item.table, item.error or str(item.differences)) for item in found if item.word != "equal"]


def test_values_that_read_otherwise_though_no_row_was_written(lake_settings: Settings) -> None:
    """A label, an attribute or an expression that the catalog holds is changed: the rows keep their transaction and say another thing."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create type mood as enum ('sad', 'ok')",
        "create type pair as (a int, b int)",
        "create domain feeling as mood",
        "create table plain(id int primary key, v mood)",
        "insert into plain values (1, 'sad')",
        "create table listed(id int primary key, v mood[])",
        "insert into listed values (1, '{ok,sad}')",
        "create table domained(id int primary key, v feeling)",
        "insert into domained values (1, 'sad')",
        "create table keyed(v mood primary key)",
        "insert into keyed values ('sad')",
        "create table keyless(v mood)",
        "insert into keyless values ('sad')",
        "create table paired(id int primary key, v pair)",
        "insert into paired values (1, row(1, 2))",
        "create table computed(id int primary key, a int, v int generated always as (a * 2) virtual)",
        "insert into computed values (1, 5)",
    )
    assert set(tables(ingest.run(lake_settings)).values()) == {"committed"}
    execute(
        dsn,
        "alter type mood rename value 'sad' to 'blue'",
        "alter type pair add attribute c int",
        "alter table computed alter v set expression as (a * 3)",
    )
    assert query(dsn, "select p.v::text, q.v::text, c.v from plain p, paired q, computed c") == [("blue", "(1,2,)", 15)]
    assert ingest.run(lake_settings).failed == []
    assert unequal(lake_settings) == []


def test_a_key_that_becomes_another(lake_settings: Settings) -> None:
    """The primary key moves to other columns while no row is written: what was one row's history under the old key stays one row."""
    dsn = lake_settings.dsn()
    execute(
        dsn, "create table t(id int, code text not null, constraint k primary key (id))", "insert into t values (1, 'x'), (2, 'y')"
    )
    ingest.run(lake_settings)
    execute(dsn, "update t set code = 'z' where id = 1")
    ingest.run(lake_settings)
    execute(dsn, "alter table t drop constraint k", "alter table t add primary key (code)")
    assert ingest.run(lake_settings).failed == []
    assert latest(lake_settings, "t", ["code"], "id, code") == [(2, "y"), (1, "z")]


def test_a_key_column_that_is_renamed(lake_settings: Settings) -> None:
    """Files from before know the key by its old name only; that stops neither the table nor the others."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, v text)",
        "insert into t values (1, 'a'), (2, 'b')",
        "create table other(id int primary key)",
    )
    ingest.run(lake_settings)
    execute(dsn, "alter table t rename id to ident", "delete from t where ident = 1", "insert into other values (1)")
    assert tables(ingest.run(lake_settings)) == {"t": "committed", "other": "committed"}
    assert latest(lake_settings, "t", ["ident"], "ident, v") == [(2, "b")]


def test_a_table_that_was_empty_at_its_first_copy(lake_settings: Settings) -> None:
    """Rows come to a table with a key that bronze holds without a file."""
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key)", "create table other(id int primary key)", "insert into other values (1)")
    assert tables(ingest.run(lake_settings)) == {"t": "committed", "other": "committed"}
    execute(dsn, "insert into t values (1)", "insert into other values (2)")
    assert tables(ingest.run(lake_settings)) == {"t": "committed", "other": "committed"}
    assert unequal(lake_settings) == []


def test_a_partitioned_table_without_partitions(lake_settings: Settings) -> None:
    """Retention dropped the last partition, or none was made yet: no rows, as the source says, at every run."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int) partition by range (id)",
        "create table t1 partition of t for values from (0) to (9)",
        "insert into t values (1)",
        "create table never(id int) partition by range (id)",
        "create table other(id int)",
    )
    assert set(tables(ingest.run(lake_settings)).values()) == {"committed"}
    execute(dsn, "drop table t1")
    for _ in range(2):
        assert ingest.run(lake_settings).failed == []
    assert bronze(lake_settings, "t", "_op", "order by _batch_id desc limit 1") == [("d",)]
    assert unequal(lake_settings) == []


@pytest.mark.parametrize("listed", [True, False])
def test_a_table_that_is_gone_from_the_source(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    """Dropped or renamed, it is named, whether sources.yml lists it or not; the other tables go on."""
    dsn = lake_settings.dsn()
    configure(monkeypatch, tmp_path, "tables:\n  public.gone: {}\n  public.other: {}\n" if listed else "tables: {}\n")
    execute(dsn, "create table gone(id int primary key)", "create table other(id int primary key)", "insert into gone values (1)")
    assert set(tables(ingest.run(lake_settings)).values()) == {"committed"}
    execute(dsn, "drop table gone", "insert into other values (2)")
    done = ingest.run(lake_settings)
    assert tables(done)["other"] == "committed"
    assert any("public.gone" in text for text in [*done.notes, *tables(done).values()])


def test_a_table_that_is_rewritten_between_the_snapshot_and_the_reading(
    lake_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To an older snapshot a table that was emptied or rewritten looks empty: its rows must not count as deleted."""
    dsn = lake_settings.dsn()
    columns = "(id int primary key, v text)"
    names = ("altered", "filled", "parted")
    execute(
        dsn,
        f"create table altered{columns}",
        f"create table filled{columns}",
        f"create table parted{columns} partition by range (id)",
        "create table part partition of parted for values from (0) to (99)",
        *(f"insert into {name} select n, 'x' from generate_series(1, 20) n" for name in names),
    )
    ingest.run(lake_settings)
    execute(dsn, *(f"insert into {name} values (21, 'new')" for name in names))
    real = postgres.extract

    def between(*given: Any) -> Any:
        monkeypatch.setattr(postgres, "extract", real)
        execute(
            dsn,
            "set lock_timeout = '5s'",
            "alter table altered alter v type text using upper(v)",
            "alter table parted alter v type text using upper(v)",
            "begin; truncate filled; insert into filled select n, 'X' from generate_series(1, 21) n; commit",
        )
        return real(*given)

    monkeypatch.setattr(postgres, "extract", between)
    ingest.run(lake_settings)
    assert [bronze(lake_settings, name, "count(*)", "where _op = 'd'") for name in names] == [[(0,)]] * 3
    assert ingest.run(lake_settings).failed == []
    assert unequal(lake_settings) == []


def test_a_name_within_a_name_takes_no_value(lake_settings: Settings) -> None:
    """One column's name ends, quoted, as another's: a value set aside for the one leaves the other where it is."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        'create table t(id int primary key, d date, "x""d" date, "y: ""d" date)',
        "insert into t values (1, '2020-01-01', 'infinity', '2020-01-01'), (2, 'infinity', '2020-01-01', '2020-01-01'),"
        " (3, '2020-01-01', '2020-01-01', 'infinity')",
    )
    assert ingest.run(lake_settings).failed == []
    absent = [(False, True, False), (True, False, False), (False, False, True)]
    assert bronze(lake_settings, "t", "d is null, x_x22_d is null, y_x3a__x20__x22_d is null", "order by id") == absent
    assert unequal(lake_settings) == []


def test_what_ends_in_vector_is_no_array(lake_settings: Settings, spark: Any) -> None:
    """A type of the catalog's arrays that travels as text: Spark reads the table, and reconciliation the others."""
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key, v int2vector)", "insert into t values (1, '1 2 3'), (2, null)")
    assert ingest.run(lake_settings).failed == []
    held = spark.sql(f"select cast(v as string) from bronze.{lake_settings.source_name}__t where id = 1").collect()
    assert [row[0] for row in held] in (["1 2 3"], ["[1, 2, 3]"])
    assert unequal(lake_settings) == []


def test_arrays_of_composite_values(lake_settings: Settings) -> None:
    """Each element arrives whole, not the first of its attributes; nulls keep their place."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create type entry as (sku text, n int)",
        "create domain many as int[]",
        "create type nested as (m many, l entry)",
        "create table t(id int primary key, v entry[], w nested[])",
        "insert into t values (1, array[row('b', 2), null, row('a', 1)]::entry[], array[row('{1,2}', row('x', 3))]::nested[])",
    )
    assert ingest.run(lake_settings).failed == []
    assert bronze(lake_settings, "t", "v, w") == [(["(b,2)", None, "(a,1)"], ['("{1,2}","(x,3)")'])]
    assert unequal(lake_settings) == []


def test_values_that_are_far_larger_than_stored(lake_settings: Settings) -> None:
    """Documents that PostgreSQL keeps compressed: a few pages of it are more than the reader's memory."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, v text)",
        "insert into t select n, repeat('0123456789abcdef', 500000) from generate_series(1, 160) n",
    )
    assert tables(ingest.run(lake_settings)) == {"t": "committed"}
    assert bronze(lake_settings, "t", "count(*), min(length(v)), max(length(v))") == [(160, 8_000_000, 8_000_000)]


def test_locks_are_let_go_on_the_way(lake_settings: Settings) -> None:
    """A lane of more works than it may hold locks for lets them go between, and reads the same moment."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key) partition by range (id)",
        *(f"create table t{n} partition of t for values from ({n}) to ({n + 1})" for n in range(250)),
    )
    execute(dsn, "insert into t select n from generate_series(0, 249) n")
    assert [(outcome.error, outcome.rows) for outcome in ingest.run(lake_settings).outcomes] == [("", 250)]
