"""Columns that come, go, widen or change: taken up or refused as the contract says, and noted either way."""

from pathlib import Path

import pytest
from bronze_reader import bronze, execute, latest, query
from ingest_helpers import configure, outcome

from ingestion import run as ingest
from lakehouse.settings import Settings
from lakehouse.tables import ledger


def noted(settings: Settings) -> list[tuple[str, str, str, str]]:
    rows = ledger.rows(settings, "schema_changes")
    return [(row["change"], row["column"], row["before"], row["outcome"]) for row in rows]


def test_widened_columns_keep_every_row_and_its_batch(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(
        dsn,
        "create table t(id int primary key, n numeric(6,2), f real)",
        "insert into t values (1, 9999.99, 1.5), (2, null, 'nan')",
    )
    outcome(lake_settings)
    execute(dsn, "delete from t where id = 2")
    outcome(lake_settings)
    before = bronze(lake_settings, "t", "id, n, f::varchar, _batch_id, _op", "order by all")
    execute(
        dsn,
        "alter table t alter id type bigint, alter n type numeric(12,4), alter f type float8",
        "insert into t values (5000000000, 12345678.0001, 1e300)",
    )
    done = outcome(lake_settings)
    assert {change.kind for change in done.changes} == {"widened"}
    now = bronze(
        lake_settings,
        "t",
        "id, n::decimal(6,2), f::varchar, _batch_id, _op",
        f"where _batch_id < {done.version or 0} + 9 and id < 9 and _batch_id <= 2 order by all",
    )
    assert now == before
    assert latest(lake_settings, "t", ["id"], "id, n") == query(dsn, "select id, n from t order by id")
    assert sorted(noted(lake_settings)) == [
        ("widened", "f", "float", "taken up"),
        ("widened", "id", "int32", "taken up"),
        ("widened", "n", "decimal128(6, 2)", "taken up"),
    ]
    assert outcome(lake_settings).status == "empty"


@pytest.mark.parametrize("killed_at", ["schema_changes", "batches"])
def test_a_change_is_noted_once_by_whoever_follows_a_killed_run(
    lake_settings: Settings, killed_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn, append = lake_settings.dsn(), ledger.append
    execute(dsn, "create table t(id int primary key, a text)", "insert into t values (1, 'a')")
    outcome(lake_settings)
    execute(dsn, "alter table t add b text default 'b'")

    def killed(settings: Settings, name: str, rows: list[dict[str, object]]) -> None:
        if name == killed_at:
            raise KeyboardInterrupt
        append(settings, name, rows)

    monkeypatch.setattr(ledger, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        outcome(lake_settings)
    monkeypatch.undo()
    outcome(lake_settings)
    assert [change[:2] for change in noted(lake_settings)] == [("added", "b")]
    assert [row["batch_id"] for row in ledger.rows(lake_settings, "batches") if row["status"] == "committed"] == [1, 2]


def test_dropped_and_renamed_columns_are_events(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key, a text, b text)", "insert into t values (1, 'a', 'b')")
    outcome(lake_settings)
    execute(dsn, "alter table t drop a", "alter table t rename b to c")
    done = outcome(lake_settings)
    assert noted(lake_settings) == [("renamed", "c", "b", "taken up"), ("dropped", "a", "", "taken up")]
    assert "c" in done.reason
    assert latest(lake_settings, "t", ["id"], "id, a, b, c") == [(1, None, None, "b")]
    assert outcome(lake_settings).status == "empty" and len(noted(lake_settings)) == 2


def test_a_column_that_is_dropped_and_added_again_is_read_again(lake_settings: Settings) -> None:
    """PostgreSQL writes no row for it, so nothing but the column's number tells."""
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key, v text)", "insert into t values (1, 'old')")
    outcome(lake_settings)
    execute(dsn, "alter table t drop v", "alter table t add v text default 'new'")
    outcome(lake_settings)
    assert latest(lake_settings, "t", ["id"], "id, v") == [(1, "new")]
    assert [row[:2] for row in noted(lake_settings)] == [("replaced", "v")]


def test_a_frozen_table_refuses_any_change_and_prints_it(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = lake_settings.dsn()
    configure(monkeypatch, tmp_path, "tables:\n  public.t:\n    contract: freeze\n")
    execute(dsn, "create table t(id int primary key)", "insert into t values (1)")
    outcome(lake_settings)
    execute(dsn, "alter table t add extra int", "insert into t values (2, 2)")
    [failed] = ingest.run(lake_settings).failed
    assert "extra added (int32)" in failed.error and "contract freeze" in failed.error
    assert bronze(lake_settings, "t", "*", "limit 1") and bronze(lake_settings, "t", "id") == [(1,)]
    assert noted(lake_settings) == [("added", "extra", "", "refused")]


def test_resync_takes_up_a_new_type(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    execute(dsn, "create table t(id int primary key, v int)", "insert into t values (1, 1)")
    first = outcome(lake_settings)
    execute(dsn, "alter table t alter v type text using 'v' || v")
    assert ingest.run(lake_settings).failed
    again = outcome(lake_settings, resync=True)
    assert latest(lake_settings, "t", ["id"], "id, v") == [(1, "v1")]
    from deltalake import DeltaTable

    url = f"{lake_settings.lake_url}/bronze/{lake_settings.source_name}__t"
    assert DeltaTable(url, version=first.version).to_pyarrow_table()["v"].to_pylist() == [1], "readers of the old version keep it"
    assert again.version and again.rows == 1
