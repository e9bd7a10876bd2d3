"""Each folder is an event: SQL played on a real PostgreSQL, with ingestion in between, and what bronze must show at its end.

`source/<n>.<session>.sql` is played in the session of that name, which commits only where the file says so;
`source/<n>.ingest` copies. `expected/<table>.csv` holds the current rows (latest by key), `expected/operations.csv` what
was appended: table, operation, rows.
"""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from bronze_reader import bronze, latest

from ingestion import run as ingest
from lakehouse.settings import Settings

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/source"))


def play(settings: Settings, folder: Path) -> None:
    """Play the folder's steps in order."""
    sessions: dict[str, Any] = {}
    try:
        for step in sorted((folder / "source").iterdir()):
            _, name, *_ = step.name.split(".")
            if name == "ingest":
                assert ingest.run(settings).failed == []
                continue
            if name not in sessions:
                sessions[name] = psycopg2.connect(settings.dsn())
            sessions[name].cursor().execute(step.read_text())
    finally:
        for session in sessions.values():
            session.close()


def expected(path: Path) -> list[tuple[str, ...]]:
    """Rows of a CSV file, its header first."""
    with path.open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_scenario(folder: Path, lake_settings: Settings) -> None:
    play(lake_settings, folder)
    tables = [path for path in (folder / "expected").glob("*.csv") if path.stem != "operations"]
    assert tables
    for path in tables:
        header, *wanted = expected(path)
        found = latest(lake_settings, path.stem, [header[0]], ", ".join(header))
        assert [tuple("" if cell is None else str(cell) for cell in row) for row in found] == wanted
    operations: Counter[tuple[str, str]] = Counter()
    for path in tables:
        operations.update({(path.stem, op): rows for op, rows in bronze(lake_settings, path.stem, "_op, count(*)", "group by all")})
    _, *wanted = expected(folder / "expected" / "operations.csv")
    assert sorted((table, op, str(rows)) for (table, op), rows in operations.items()) == sorted(wanted)


def test_there_are_scenarios() -> None:
    assert len(FOLDERS) >= 7
