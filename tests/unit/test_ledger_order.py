"""The ledger's records stay in the order in which they were written, whatever the clock does, and are found in any folder."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.errors import SettingsError
from lakehouse.settings import Settings
from lakehouse.tables import ledger


@pytest.mark.parametrize("back", [timedelta(0), timedelta(milliseconds=1), timedelta(days=1)])
def test_the_latest_record_is_the_one_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: timedelta) -> None:
    times = [datetime(2026, 5, 3, 12, 0, 0, 999, tzinfo=UTC) - n * back for n in range(3)]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return times.pop(0)

    monkeypatch.setattr(ledger, "datetime", Clock)
    settings = Settings(var_dir=tmp_path / "var")
    for status in ("running", "failed", "succeeded"):
        ledger.append(settings, "runs", [{"run_id": 7, "status": status}])
    assert [row["status"] for row in ledger.rows(settings, "runs")] == ["running", "failed", "succeeded"]
    assert ledger.latest(settings, "runs", "run_id")[(7,)]["status"] == "succeeded"


@pytest.mark.parametrize("name", ["a b", "Olá mundo's", "#1, 50% {a}"])
def test_records_are_found_in_any_folder(tmp_path: Path, name: str) -> None:
    settings = Settings(var_dir=tmp_path / name)
    ledger.append(settings, "runs", [{"run_id": 7}])
    assert [row["run_id"] for row in ledger.rows(settings, "runs")] == [7]


@pytest.mark.parametrize("name", ["a;b", "a%41", "a[1]", "a|b", "a\\b", "a\nb"])
def test_a_folder_that_no_table_can_be_in_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"VAR_DIR: .*wanted: a folder without"):
        Settings(var_dir=tmp_path / name)
