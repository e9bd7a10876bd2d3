"""What Athena would be given of the shop, and the analysts' questions on the Spark server."""

import subprocess
import sys
from pathlib import Path

import duckdb
import exports
import pytest
from desk import Lake

from lakehouse.engines import catalog
from lakehouse.settings import ROOT
from lakehouse.tables import released
from releases import athena, glue

FILES = [path for path in exports.QUESTIONS if not exports.is_about_credit(path)]  # those of credit: tests/spark/test_credit.py


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_question_has_an_answer(lake: Lake, path: Path) -> None:
    layer = path.parent.name
    assert catalog.thrift_rows(lake.settings, f"use {layer}", path.read_text(encoding="utf-8"))


def test_the_prompt_remembers_the_database(lake: Lake) -> None:
    typed = "use gold;\n" + (ROOT / "sql/gold/monthly_growth.sql").read_text() + ";\n"
    command = [sys.executable, "-W", "ignore", "-m", "comporta", "sql"]
    done = subprocess.run(command, cwd=ROOT, env=lake.environment, input=typed, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "change_percent" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("layer", glue.LAYERS)
def test_athena_can_read_everything_that_the_shop_releases(lake: Lake, layer: str) -> None:
    """Every table passes the gate, and its files, read as plain Parquet, hold as many rows as readers see, in columns of Glue's types."""
    shown = released.published(lake.settings, layer)
    assert len(shown) >= 9
    for table, (seen, reason) in glue._open(lake.settings, layer, shown).items():
        assert seen and not reason, f"{table}: {reason}"
        [(rows,)] = catalog.thrift_rows(lake.settings, f"select count(*) from {layer}.{table}")
        assert duckdb.sql("select count(*) from read_parquet($files)", params={"files": list(seen.files)}).fetchone() == (rows,)
        entry = athena.table_input(table, seen, "s3://b/m/", glue.descriptions().get(table), {})
        assert all(column["Comment"] for column in entry["StorageDescriptor"]["Columns"]), table
