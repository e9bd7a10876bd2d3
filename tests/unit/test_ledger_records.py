"""Records have just the fields that the ledger's tables have, and who listens is told each of them once it is written."""

from dataclasses import fields
from pathlib import Path

import pytest

from lakehouse.settings import Settings
from lakehouse.tables import ledger, records


def test_a_record_has_the_fields_of_its_table() -> None:
    assert {kind.table for kind in records.KINDS} == {*ledger.SCHEMAS}
    for kind in records.KINDS:
        assert sorted([*(field.name for field in fields(kind)), "at"]) == sorted(ledger.SCHEMAS[kind.table].names), kind


def test_listeners_are_told_what_was_written_and_one_that_fails_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, told = Settings(var_dir=tmp_path / "var"), list[records.Record]()
    one, other = (records.RunRecord(run_id=number, command="x", status="running") for number in (1, 2))

    def broken(settings: Settings, record: records.Record) -> None:
        raise ValueError("of somebody else")

    def follow(settings: Settings, record: records.Record) -> None:
        assert len(ledger.rows(settings, record.table)) == 2, "it is written"
        told.append(record)

    with ledger.listening(broken), ledger.listening(follow):
        ledger.emit(settings, one, other)
        ledger.emit(settings)
    ledger.emit(settings, one)
    assert told == [one, other]
    assert "ops.runs: a listener failed: of somebody else" in capsys.readouterr().err
    assert [row["run_id"] for row in ledger.rows(settings, "runs")] == [1, 2, 1]
