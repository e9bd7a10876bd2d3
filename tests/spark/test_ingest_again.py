"""Reading again: ranges of time, whole tables, and storage that the window alone would miss."""

from pathlib import Path

import pytest
from bronze_reader import bronze, execute, files, latest, query
from deltalake import DeltaTable
from ingest_helpers import configure, outcome

from ingestion import run as ingest
from ingestion.bronze.table import Bronze
from ingestion.sources.base import Request
from lakehouse.settings import Settings
from lakehouse.tables import ledger


def test_soft_deletes_reach_bronze_as_deletes(lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = lake_settings.dsn()
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    deletes: soft:deleted_at\n")
    execute(dsn, "create table t(id int primary key, deleted_at timestamptz)", "insert into t values (1, null), (2, now())")
    first = outcome(lake_settings)
    assert (first.rows, first.deletes) == (1, 1)
    execute(dsn, "update t set deleted_at = now() where id = 1", "update t set deleted_at = null where id = 2")
    outcome(lake_settings)
    assert latest(lake_settings, "t", ["id"], "id, deleted_at is null") == [(2, True)]
    assert bronze(lake_settings, "t", "_op, count(*)", "group by all order by all") == [("d", 2), ("r", 1), ("u", 1)]


def test_backfill_reads_the_range_and_leaves_the_window(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, updated_at timestamptz)",
        "insert into t select n, timestamptz '2026-01-01 00:00+00' + n * interval '1 day' from generate_series(0, 9) n",
    )
    outcome(lake_settings)
    execute(dsn, "insert into t values (99, '2020-01-01')")
    again = outcome(lake_settings, since="2026-01-03", until="2026-01-05")
    assert again.rows == 2
    assert bronze(lake_settings, "t", "id", f"where _batch_id = {max_batch(lake_settings)} order by id") == [(2,), (3,)]
    assert outcome(lake_settings).rows == 1  # 99, which the backfill did not skip
    assert latest(lake_settings, "t", ["id"], "id") == query(dsn, "select id from t order by id")


def max_batch(settings: Settings) -> int:
    return max(row["batch_id"] for row in ledger.rows(settings, "batches"))


def test_backfill_of_what_was_never_copied_is_refused(lake_settings: Settings) -> None:
    execute(lake_settings.dsn(), "create table t(id int primary key, updated_at date)")
    [failed] = ingest.run(lake_settings, request=Request(since="2026-01-01")).failed
    assert "never copied" in failed.error


def test_backfill_bounds_that_are_no_values_are_refused(lake_settings: Settings) -> None:
    execute(lake_settings.dsn(), "create table t(id int primary key, updated_at timestamptz)", "insert into t values (1, now())")
    outcome(lake_settings)
    [failed] = ingest.run(lake_settings, request=Request(since="yesterdy")).failed
    assert "yesterdy" in failed.error


def test_resync_reads_everything_and_finds_what_is_gone(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key, v text)", "insert into t select n, 'x' from generate_series(1, 50) n")
    outcome(lake_settings)
    execute(dsn, "delete from t where id = 50")
    again = outcome(lake_settings, resync=True)
    assert (again.rows, again.deletes) == (49, 1)
    assert latest(lake_settings, "t", ["id"], "id, v") == query(dsn, "select id, v from t order by id")
    assert outcome(lake_settings).status == "empty"


def test_a_partition_attached_with_old_rows_is_read(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table old(id int not null, v text)",
        "insert into old values (101, 'old')",
        "create table t(id int primary key, v text) partition by range (id)",
        "create table t1 partition of t for values from (0) to (100)",
        "insert into t values (1, 'x')",
    )
    outcome(lake_settings, "public.t")
    execute(dsn, "alter table t attach partition old for values from (100) to (200)")
    outcome(lake_settings, "public.t")
    assert latest(lake_settings, "t", ["id"], "id, v") == [(1, "x"), (101, "old")]
    execute(dsn, "alter table t detach partition old")
    assert outcome(lake_settings, "public.t").deletes == 1
    assert latest(lake_settings, "t", ["id"], "id, v") == [(1, "x")]


def test_a_table_put_in_the_place_of_another_is_read_whole(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, v text)",
        "create table fresh(id int primary key, v text)",
        "insert into fresh values (1, 'fresh'), (2, 'fresh')",
        "insert into t values (1, 'old'), (3, 'old')",
    )
    outcome(lake_settings, "public.t")
    execute(dsn, "alter table t rename to gone", "alter table fresh rename to t")
    outcome(lake_settings, "public.t")
    assert latest(lake_settings, "t", ["id"], "id, v") == [(1, "fresh"), (2, "fresh")]


def test_rows_that_a_cursor_passed_over_are_noticed_and_read(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = lake_settings.dsn()
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    cursor: updated_at\n")
    execute(dsn, "create table t(id int primary key, updated_at timestamptz)", "insert into t values (1, now())")
    outcome(lake_settings)
    execute(dsn, "insert into t values (2, '2001-01-01')")  # back-dated: no cursor sees it
    said: list[str] = []
    [only] = ingest.run(lake_settings, warn=said.append).outcomes
    assert only.status == "committed" and "lacked rows" in only.reason and "public.t" in said[0]
    assert latest(lake_settings, "t", ["id"], "id") == [(1,), (2,)]


def test_small_files_are_put_together_and_no_row_changes(lake_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = lake_settings.dsn()
    monkeypatch.setattr("ingestion.bronze.maintenance.MANY", 4)
    execute(dsn, "create table t(id int primary key, v int)", "insert into t values (0, 0)")
    for number in range(1, 4):
        outcome(lake_settings)
        execute(dsn, f"insert into t values ({number}, {number})")
    assert len(files(lake_settings, "t")) == 3
    before = bronze(lake_settings, "t", "*", "order by id")
    done = outcome(lake_settings)
    assert len(files(lake_settings, "t")) == 1
    assert bronze(lake_settings, "t", "*", "where id < 3 order by id") == before
    assert outcome(lake_settings).status == "empty", "the window outlives upkeep"
    table = Bronze(f"{lake_settings.lake_url}/bronze/{lake_settings.source_name}__t", {})
    assert table.version() != done.version and (Path(table.url) / "_delta_log" / "_last_checkpoint").exists()


def test_vacuum_keeps_what_releases_show(lake_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = lake_settings.dsn()
    monkeypatch.setattr("ingestion.bronze.maintenance.MANY", 2)
    name = f"{lake_settings.source_name}__t"
    execute(dsn, "create table t(id int primary key)", "insert into t values (1)")
    first = outcome(lake_settings)
    ledger.append(
        lake_settings,
        "releases",
        [
            {
                "release_id": 1,
                "layer": "bronze",
                "kind": "release",
                "status": "published",
                "tables": f'{{"{name}": {first.version}}}',
            }
        ],
    )
    patient = lake_settings.model_copy(update={"retention_days": 0})
    for number in (2, 3, 4, 5):
        execute(dsn, f"insert into t values ({number})")
        outcome(patient)
    url = f"{lake_settings.lake_url}/bronze/{name}"
    assert DeltaTable(url, version=first.version).to_pyarrow_table()["id"].to_pylist() == [1]
    on_disk = len(list(Path(url).glob("*.parquet")))
    assert on_disk < 7, "compacted files that no release shows are gone"
    assert latest(lake_settings, "t", ["id"], "id") == [(1,), (2,), (3,), (4,), (5,)]


def test_batches_record_a_checksum_that_no_split_changes(lake_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn, "create table t(id int primary key, v text)", "insert into t select n, md5(n::text) from generate_series(1, 3000) n"
    )
    whole = outcome(lake_settings)
    monkeypatch.setattr("ingestion.sources.postgres.ranges.RANGE_PAGES", 3)
    split = outcome(lake_settings.model_copy(update={"source_name": "other"}))
    assert len(split.ranges) > len(whole.ranges) == 1
    assert whole.checksum == split.checksum != "0" * 16
    assert [row["checksum"] for row in ledger.rows(lake_settings, "batches")] == [whole.checksum, split.checksum]


def test_upkeep_that_fails_costs_no_batch(lake_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("ingestion.bronze.maintenance.MANY", 1)
    monkeypatch.setattr("ingestion.bronze.maintenance._tidy", full)
    execute(lake_settings.dsn(), "create table t(id int primary key)", "insert into t values (1)")
    said: list[str] = []
    [only] = ingest.run(lake_settings, warn=said.append).outcomes
    assert only.status == "committed" and "no space left" in said[0]
    assert [row["status"] for row in ledger.rows(lake_settings, "batches")] == ["committed"]
