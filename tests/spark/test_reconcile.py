"""`make reconcile`: equal where bronze is what the source is, and the very keys where it is not."""

from pathlib import Path

import duckdb
import pytest
from bronze_reader import execute, files
from ingest_helpers import configure, outcome

from ingestion import reconcile
from ingestion import run as ingest
from ingestion.bronze import write
from lakehouse.settings import Settings
from lakehouse.tables import ledger


def verdict(settings: Settings, table: str = "public.t") -> reconcile.TableComparison:
    [found] = [item for item in reconcile.run(settings) if item.table == table]
    return found


def falsify(settings: Settings, table: str, select: str) -> None:
    """Write the first file of bronze anew as `select` of it, behind everybody's back."""
    path = min(files(settings, table))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"create table t as select * from read_parquet('{path}')")
        connection.execute(f"copy ({select}) to '{path}' (format parquet)")


def test_equal_sides_are_equal_and_noted(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn, "create table t(id int primary key, v text)", "insert into t select n, md5(n::text) from generate_series(1, 5000) n"
    )
    outcome(lake_settings)
    execute(dsn, "update t set v = 'é😀|x' where id % 50 = 0", "delete from t where id = 7", "update t set id = 9000 where id = 8")
    outcome(lake_settings)
    found = verdict(lake_settings)
    assert (found.word, found.source_rows, found.bronze_rows, found.error) == ("equal", 4999, 4999, "")
    [noted] = ledger.rows(lake_settings, "reconciliations")
    assert (noted["verdict"], noted["source_rows"]) == ("equal", 4999)


def test_files_that_lack_columns_are_what_was_recorded(lake_settings: Settings) -> None:
    """A deletion that comparing found has a file of its own with the key alone; read beside others, it has lists that are missing."""
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, v text, tags text[])",
        "insert into t select n, 'a', array['x', null] from generate_series(1, 90) n",
    )
    outcome(lake_settings)
    execute(dsn, "update t set v = 'b', tags = null where id % 9 = 0", "delete from t where id = 7")
    outcome(lake_settings)
    assert sorted(row["deletes"] for row in ledger.rows(lake_settings, "batches")) == [0, 1]
    assert (verdict(lake_settings).word, verdict(lake_settings).batches) == ("equal", [])
    falsify(lake_settings, "t", "select * replace (['x', 'y'] as tags) from t")
    assert verdict(lake_settings).batches == ["batch 1 has other values in bronze than were recorded"]


@pytest.mark.parametrize("column", ["v", "tags"])
def test_checksums_of_an_earlier_comporta_still_count(
    lake_settings: Settings, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, v text, tags text[])",
        "insert into t select n, 'a', null from generate_series(1, 90) n",
    )
    monkeypatch.setattr(write, "checksum_of", lambda columns, has: write.former_checksum_of(columns))
    outcome(lake_settings)
    monkeypatch.undo()
    assert verdict(lake_settings).batches == []
    falsify(lake_settings, "t", f"select * replace ({'[v]' if column == 'tags' else 'tags[1]'} as {column}) from t")
    assert verdict(lake_settings).batches == ["batch 1 has other values in bronze than were recorded"]


def test_each_kind_of_difference_is_named(lake_settings: Settings) -> None:
    execute(
        lake_settings.dsn(),
        "create table t(id int primary key, v text, w numeric(5,1))",
        "insert into t select n, 'x', n from generate_series(1, 900) n",
    )
    outcome(lake_settings)
    falsify(
        lake_settings,
        "t",
        "select * replace (case id when 5 then 'y' else v end as v, case id when 6 then -w else w end as w, "
        "case id when 9 then 9999 else id end as id) from t where id <> 12",
    )
    found = verdict(lake_settings)
    seen = {(item.key, item.kind, item.columns, item.pending) for item in found.differences}
    assert seen == {
        ("5", "differs", ("v",), False),
        ("6", "differs", ("w",), False),
        ("9", "missing", (), False),
        ("9999", "extra", (), False),
        ("12", "missing", (), False),
    }
    assert found.batches == ["batch 1 has 899 rows in bronze, 900 were recorded"]


def test_what_came_since_is_told_apart(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key, v text)", "insert into t values (1, 'a'), (2, 'b')")
    outcome(lake_settings)
    execute(dsn, "insert into t values (3, 'c')", "update t set v = 'z' where id = 1")
    found = verdict(lake_settings)
    assert sorted((item.key, item.kind, item.pending) for item in found.differences) == [
        ("1", "differs", True),
        ("3", "missing", True),
    ]
    assert found.pending and found.word == "differs"
    outcome(lake_settings)
    assert verdict(lake_settings).word == "equal"


def test_a_batch_whose_files_were_changed_is_named_even_where_newer_rows_hide_it(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key, v text)", "insert into t values (1, 'a')")
    outcome(lake_settings)
    falsify(lake_settings, "t", "select * replace ('forged' as v) from t")
    execute(dsn, "update t set v = 'b'")
    outcome(lake_settings)
    found = verdict(lake_settings)
    assert found.buckets == 0 and found.batches == ["batch 1 has other values in bronze than were recorded"]
    assert found.word == "differs"


def test_tables_without_a_key_and_emptied_ones(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(v text)", "insert into t values ('a'), ('a'), (null)", "create table e(v text)")
    ingest.run(lake_settings)
    assert [item.word for item in reconcile.run(lake_settings)] == ["equal", "equal"]
    execute(dsn, "insert into t values ('a')")
    assert verdict(lake_settings).buckets == 1
    execute(dsn, "truncate t")
    ingest.run(lake_settings)
    found = verdict(lake_settings)
    assert (found.word, found.source_rows, found.bronze_rows) == ("equal", 0, 0)


def test_soft_deleted_rows_count_on_neither_side(lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    deletes: soft:gone\n")
    execute(
        lake_settings.dsn(),
        "create table t(id int primary key, gone bool)",
        "insert into t values (1, true), (2, null), (3, false)",
    )
    outcome(lake_settings)
    found = verdict(lake_settings)
    assert (found.word, found.source_rows) == ("equal", 2)


def test_what_was_never_copied_is_no_equality(lake_settings: Settings) -> None:
    execute(lake_settings.dsn(), "create table t(id int primary key)")
    assert "never copied" in verdict(lake_settings).error
