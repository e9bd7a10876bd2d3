"""A commit whose answer is lost: the log says what became of it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from ingestion.bronze import table as bronze
from ingestion.bronze.table import Bronze, File
from lakehouse.errors import StorageError

_COLUMNS = pa.schema([("id", pa.int64())])


def file(folder: Path, name: str) -> File:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({"id": [1]}, schema=_COLUMNS), folder / name)
    return File(name, 1, (folder / name).stat().st_size)


def note(number: int) -> dict[str, Any]:
    return {"window": {"batch_id": number}}


class Unlucky(DeltaTable):
    """Commits, or does not, and says that it failed either way."""

    commits = True

    def create_write_transaction(self, *said: Any, **named: Any) -> None:
        if self.commits:
            super().create_write_transaction(*said, **named)
        raise OSError("Generic S3 error: connection reset")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bronze:
    made = Bronze(str(tmp_path / "t"), {})
    made.commit(_COLUMNS, note(1), [file(tmp_path / "t", "a.parquet")])
    monkeypatch.setattr(bronze, "DeltaTable", Unlucky)
    return Bronze(str(tmp_path / "t"), {})


def test_a_commit_that_arrived_is_one_though_its_answer_was_lost(table: Bronze, tmp_path: Path) -> None:
    assert table.commit(_COLUMNS, note(2), [file(tmp_path / "t", "b.parquet")]) == 1
    assert DeltaTable(table.url).to_pyarrow_table().num_rows == 2
    assert table.commit(_COLUMNS, note(2), [file(tmp_path / "t", "b.parquet")]) == 1  # nor is it made again


def test_a_commit_that_did_not_arrive_is_none(table: Bronze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unlucky, "commits", False)
    with pytest.raises(OSError, match="connection reset"):
        table.commit(_COLUMNS, note(2), [file(tmp_path / "t", "b.parquet")])
    assert DeltaTable(table.url).version() == 0


def test_where_the_log_can_not_be_read_either_nothing_is_claimed(
    table: Bronze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> DeltaTable:
        raise OSError("still away")

    monkeypatch.setattr(bronze, "DeltaTable", gone)
    with pytest.raises(StorageError, match="not known whether batch 2 was committed.*Run again"):
        table.commit(_COLUMNS, note(2), [file(tmp_path / "t", "b.parquet")])
