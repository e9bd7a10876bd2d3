"""Increments: what changed moves, nothing is lost, nothing is twice."""

from contextlib import closing

import psycopg2
import pytest
from bronze_reader import bronze, execute, latest, query

from ingestion import run as ingest
from ingestion.outcome import TableOutcome
from lakehouse.settings import Settings
from lakehouse.tables import ledger


def outcome(settings: Settings, patterns: str | None = None) -> TableOutcome:
    [only] = ingest.run(settings, patterns).outcomes
    assert only.status != "failed", only.error
    return only


def test_ingest_moves_only_what_changed(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key, v text)", "insert into t select n, 'x' from generate_series(1, 5000) n")
    assert outcome(lake_settings).rows == 5000
    assert outcome(lake_settings).status == "empty"
    execute(
        dsn,
        "update t set v = 'y' where id <= 3",
        "insert into t values (9999, 'new')",
        "delete from t where id = 10",
        "update t set id = 7777 where id = 20",
    )
    again = outcome(lake_settings)
    assert (again.rows, again.deletes) == (5, 2)
    assert latest(lake_settings, "t", ["id"], "id, v") == query(dsn, "select id, v from t order by id")


def test_keys_of_a_large_table_are_compared_in_ranges(lake_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = lake_settings.dsn()
    monkeypatch.setattr("ingestion.sources.postgres.plan.COMPARE_PAGES", 4)
    execute(
        dsn,
        "create table t(id bigint primary key, v text)",
        "insert into t select n * n - 5000, md5(n::text) from generate_series(1, 4000) n",
        "analyze t",
    )
    outcome(lake_settings)
    assert outcome(lake_settings).status == "empty"
    execute(
        dsn,
        "delete from t where id in (-4999, 0 - 4996) or id > 15990000 or id between 1000 and 2000",
        "insert into t values (7, 'new')",
    )
    again = outcome(lake_settings)
    assert len(again.ranges) > 5 and (again.rows, again.reason) == (1, "")
    assert latest(lake_settings, "t", ["id"], "id, v") == query(dsn, "select id, v from t order by id")
    assert again.deletes == 4001 - len(query(dsn, "select id from t"))
    assert outcome(lake_settings).status == "empty"


def test_ingest_takes_rows_committed_late(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key, updated_at timestamptz default now())", "insert into t values (1)")
    with closing(psycopg2.connect(dsn)) as late, late.cursor() as cursor:
        cursor.execute("insert into t values (2)")
        execute(dsn, "insert into t values (3)")
        assert outcome(lake_settings).rows == 2
        late.commit()
    execute(dsn, "insert into t values (4)")
    outcome(lake_settings)
    assert latest(lake_settings, "t", ["id"], "id") == [(1,), (2,), (3,), (4,)]


def test_cursor_column_goes_back_to_the_oldest_open_transaction(lake_settings: Settings, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key, updated_at timestamptz default now())", "insert into t values (1)")
    entry = tmp_path / "sources.yml"
    entry.write_text("tables:\n  public.t:\n    cursor: updated_at\n")
    monkeypatch.setattr("ingestion.sources.config.load", lambda path=entry, real=ingest.source_file.load: real(path))
    with closing(psycopg2.connect(dsn)) as late, late.cursor() as cursor:
        cursor.execute("select now()")  # begun, nothing written yet: it will stamp rows with this moment
        execute(dsn, "insert into t values (3)")
        outcome(lake_settings)
        cursor.execute("insert into t values (2)")
        late.commit()
    assert outcome(lake_settings).rows == 2  # 2, and 3 again, which began after
    assert latest(lake_settings, "t", ["id"], "id") == [(1,), (2,), (3,)]


def test_table_without_a_key_is_copied_whole_and_only_when_it_changed(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(v text)", "insert into t values ('a'), ('a'), (null)")
    assert (outcome(lake_settings).mode, outcome(lake_settings).status) == ("full", "empty")
    execute(dsn, "delete from t where v is null")
    assert outcome(lake_settings).rows == 2
    assert outcome(lake_settings).status == "empty"
    assert bronze(lake_settings, "t", "v, count(*)", "group by all order by count(*), max(_batch_id)") == [(None, 1), ("a", 4)]


def test_new_column_reads_the_table_whole_again(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key)", "insert into t values (1), (2)")
    outcome(lake_settings)
    execute(dsn, "alter table t add column extra text default 'filled'")
    again = outcome(lake_settings)
    assert again.rows == 2 and "extra" in again.reason
    assert latest(lake_settings, "t", ["id"], "id, extra") == [(1, "filled"), (2, "filled")]


def test_retyped_column_refuses_and_leaves_bronze_as_it_was(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key, v int)", "insert into t values (1, 1)")
    outcome(lake_settings)
    execute(dsn, "alter table t alter v type text", "insert into t values (2, 'x')")
    [failed] = ingest.run(lake_settings).failed
    assert "v retyped (int32 → string)" in failed.error and "RESYNC=1" in failed.error
    assert bronze(lake_settings, "t", "id") == [(1,)]


def test_window_lost_from_the_ledger_is_found_in_the_table(lake_settings: Settings) -> None:
    """As after a kill between the commit of a batch and its record."""
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key)", "insert into t values (1)")
    outcome(lake_settings)
    from deltalake import DeltaTable

    DeltaTable(ledger.location(lake_settings, "batches")).delete()
    assert outcome(lake_settings).status == "empty"
    states = [(row["batch_id"], row["status"]) for row in ledger.rows(lake_settings, "batches")]
    assert sorted(states) == [(1, "committed"), (2, "empty")]
