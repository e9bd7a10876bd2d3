"""The log of a Delta table, read without delta-rs's history."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from lakehouse.settings import ROOT, Settings
from lakehouse.tables import commits


def test_a_folder_may_have_spaces_and_signs(tmp_path: Path) -> None:
    place = str(tmp_path / "ação 1" / "100% of it")
    for number in range(2):
        write_deltalake(place, pa.table({"id": [number]}), mode="append")
    found = list(commits.newest_first(Settings(lake_url="/nowhere"), DeltaTable(place)))
    assert [(each["version"], each["operation"]) for each in found] == [(1, "WRITE"), (0, "WRITE")]
    assert [each["version"] for each in commits.newest_first(Settings(lake_url="/nowhere"), DeltaTable(place, version=0))] == [0]


def test_dbt_starts_without_arrow() -> None:
    """Imports are paid for each time that somebody builds a model; this one took 0.26 s of 2.6."""
    script = "import sys, dbt.adapters.comporta; print([name for name in ('pyarrow', 'boto3', 'pyspark') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
