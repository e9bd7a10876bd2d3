"""Upkeep of bronze and of the ledger on S3: small files put together, old ones gone, no row lost; a lost lease stops it."""

import io
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from ingestion.bronze import maintenance
from ingestion.bronze.table import Bronze, File
from lakehouse import machine
from lakehouse.errors import LockError
from lakehouse.settings import Settings
from lakehouse.store import lock, s3, storage
from lakehouse.tables import ledger

_COLUMNS = pa.schema([("id", pa.int64())])


@pytest.fixture
def home(store: Settings, tmp_path: Any, request: pytest.FixtureRequest) -> Settings:
    return store.model_copy(update={"lake_url": f"s3://comporta/{request.node.name}", "var_dir": tmp_path, "retention_days": 1})


def batch(home: Settings, bronze: Bronze, number: int) -> None:
    """One row as a batch of its own."""
    written, name = io.BytesIO(), f"{number:010d}.parquet"
    pq.write_table(pa.table({"id": [number]}, schema=_COLUMNS), written)
    bucket, key = s3.split(storage.join(bronze.url, name))
    s3.client(home).put_object(Bucket=bucket, Key=key, Body=written.getvalue())
    bronze.commit(_COLUMNS, {"window": {"batch_id": number}}, [File(name, 1, len(written.getvalue()))])


def test_small_files_are_put_together_and_no_row_is_lost(home: Settings) -> None:
    bronze = Bronze(storage.join(home.lake_url, "bronze", "t"), storage.options(home))
    for number in range(1, maintenance.MANY + 2):
        batch(home, bronze, number)
        ledger.append(home, "runs", [{"run_id": number, "command": "x", "status": "y"}] * 2)
    for number in range(maintenance.MANY):
        ledger.append(home, "runs", [{"run_id": 100 + number, "command": "x", "status": "y"}])
    before = len(ledger.rows(home, "runs"))
    with machine.writing(home, "upkeep"):
        assert maintenance.keep(home, [bronze], time.time()) == []
    again = Bronze(bronze.url, storage.options(home))
    assert len(again.files()) == 1 and again.table is not None
    assert sorted(again.table.to_pyarrow_table()["id"].to_pylist()) == list(range(1, maintenance.MANY + 2))
    assert (again.last_batch() or {})["window"] == {"batch_id": maintenance.MANY + 1}
    runs = DeltaTable(ledger.location(home, "runs"), storage_options=storage.options(home))
    assert len(runs.file_uris()) == 1 and len(ledger.rows(home, "runs")) == before
    batch(home, again, maintenance.MANY + 2)  # the batch after it finds the transaction's number
    assert again.version() is not None and len(again.files()) == 2


def test_who_lost_the_lease_removes_nothing(home: Settings) -> None:
    bronze = Bronze(storage.join(home.lake_url, "bronze", "t"), storage.options(home))
    for number in range(1, maintenance.MANY + 2):
        batch(home, bronze, number)
    with pytest.raises(LockError, match="lost"), machine.writing(home, "upkeep"):
        lock._leases[home.lake_url]._lose("as a test wants it")
        maintenance.keep(home, [bronze], time.time())
    assert len(Bronze(bronze.url, storage.options(home)).files()) == maintenance.MANY + 1
