"""A ledger of an earlier Comporta is brought up when it is first written, and says so; one of a later is refused by name."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.errors import StorageError
from lakehouse.settings import Settings
from lakehouse.tables import ledger, migration

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def earlier(tmp_path: Path) -> Settings:
    """A lake whose batches are as version 1 wrote them: the second was noted after a kill."""
    settings = Settings(var_dir=tmp_path / "var")
    rows = [
        {
            "batch_id": 1,
            "source": "crm",
            "source_table": "public.t",
            "table_name": "crm__t",
            "key": '["order_x20_id"]',
            "rows": 3,
            "at": AT,
        },
        {
            "batch_id": 2,
            "source": None,
            "source_table": "public.t",
            "table_name": "crm__t",
            "key": '["order id"]',
            "rows": 4,
            "at": AT,
        },
        {"batch_id": 3, "source": None, "source_table": "public.u", "table_name": "crm__u", "key": "[]", "rows": 5, "at": AT},
    ]
    schema = pa.schema([field for field in ledger.SCHEMAS["batches"] if field.name in rows[0]])
    write_deltalake(ledger.location(settings, "batches"), pa.Table.from_pylist(rows, schema))
    return settings


def test_an_earlier_ledger_is_brought_up_by_who_writes_it(earlier: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    before = ledger.rows(earlier, "batches")
    assert [row["run_id"] for row in before] == [None, None, None], "who only reads changes nothing"
    assert capsys.readouterr().out == ""
    ledger.append(earlier, "batches", [{"batch_id": 4, "table_name": "crm__t"}])
    assert "ops.batches was of schema 1 and is of 2 now" in capsys.readouterr().out
    after = ledger.rows(earlier, "batches")
    assert [(row["batch_id"], row["run_id"], row["rows"], row["at"]) for row in after[:3]] == [
        (1, 1, 3, AT),
        (2, 2, 4, AT),
        (3, 3, 5, AT),
    ]
    assert [(row["source"], row["key"]) for row in after[:2]] == [("crm", '["order_x20_id"]')] * 2
    assert (after[2]["source"], after[3]["batch_id"]) == (None, 4), "of whom nobody knows nothing is made up"
    table = DeltaTable(ledger.location(earlier, "batches"))
    number = table.version()
    ledger.append(earlier, "batches", [{"batch_id": 5}])
    assert DeltaTable(ledger.location(earlier, "batches")).version() == number + 1 and capsys.readouterr().out == ""


def test_a_new_ledger_is_of_this_version(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "var")
    ledger.append(settings, "runs", [{"run_id": 1}])
    ledger.create_missing(settings)
    for name in ledger.SCHEMAS:
        assert migration.version(DeltaTable(ledger.location(settings, name))) == migration.VERSION, name
    assert [row["run_id"] for row in ledger.rows(settings, "runs")] == [1]


def test_a_later_ledger_is_refused_by_name(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "var")
    ledger.append(settings, "runs", [{"run_id": 1}])
    table = DeltaTable(ledger.location(settings, "runs"))
    table.alter.set_table_properties({"comporta.schema_version": "3"}, raise_if_not_exists=False)
    for do in (lambda: ledger.rows(settings, "runs"), lambda: ledger.append(settings, "runs", [{"run_id": 2}])):
        with pytest.raises(
            StorageError, match=r"ops/runs: is of a later Comporta \(its records have schema 3\) \(wanted: 2 or earlier\)"
        ):
            do()
    assert DeltaTable(ledger.location(settings, "runs")).version() == table.version()
