"""Files as a source on a server: what came is in the catalog, judged by its suite and released; a killed run loses nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from folder_source import folder

from ingestion import run as job
from ingestion.command import copy
from ingestion.sources.base import Request
from ingestion.sources.config import Section
from lakehouse.engines import catalog
from lakehouse.errors import PartialCopyError
from lakehouse.settings import ROOT, Settings
from lakehouse.tables import ledger

HEAD = "id,name,amount\n"


def source(folder: Path, name: str) -> Section:
    entry = {"files": "*.csv", "format": "csv", "key": ["id"]}
    return Section(name, kind="files", tables={"t": entry}, options={"path": str(folder)})


@pytest.fixture
def lake(spark_server: Settings, tmp_path: Path) -> Settings:
    (tmp_path / "in").mkdir()
    return spark_server.model_copy(update={"lake_url": str(tmp_path / "lake")})


def test_what_came_is_in_the_catalog_and_so_is_what_did_not_fit(lake: Settings, tmp_path: Path) -> None:
    (tmp_path / "in" / "a.csv").write_text(HEAD + "1,a,2.50\n2,b,1\nragged\n")
    done = job.run(lake, section=source(tmp_path / "in", "landed"))
    assert (done.rows, done.failed) == (2, [])
    rows = catalog.thrift_rows(lake, "select id, name, amount, _file, _line from bronze.landed__t order by id")
    assert [tuple(map(str, row)) for row in rows] == [("1", "a", "2.50", "a.csv", "2"), ("2", "b", "1.00", "a.csv", "3")]
    rejected = catalog.thrift_rows(lake, "select _file, _line, _reason, _record from quarantine.landed__t__rejected")
    assert [tuple(row) for row in rejected] == [("a.csv", 4, "1 field (wanted: 3, as in the header)", "ragged")]
    batch = next(row for row in ledger.rows(lake, "batches") if row["table_name"] == "landed__t")
    assert (batch["source"], batch["rows"], batch["key"]) == ("landed", 2, '["id"]')


def test_a_file_that_can_not_be_read_fails_the_run_and_keeps_no_other(lake: Settings, tmp_path: Path) -> None:
    (tmp_path / "in" / "a.csv").write_text(HEAD + "1,a,2\n")
    (tmp_path / "in" / "b.csv").write_bytes(b"%PDF-1.7 nothing to see")
    with pytest.raises(PartialCopyError, match="1 file could not be read"):
        copy(lake, Request(), [source(tmp_path / "in", "spoilt")])
    assert len(catalog.thrift_rows(lake, "select * from bronze.spoilt__t")) == 1


KILLED = """
import sys, time
sys.path.insert(0, "tests")
from pathlib import Path
from folder_source import Folder
from lakehouse.settings import Settings
import ingestion.settle
from ingestion.sources.files import rejected
where, moment = sys.argv[1], sys.argv[2]
def stop(*_, **__):
    print("now", flush=True)
    time.sleep(60)
found = Folder(Path(where, "in"), Settings(lake_url=f"{where}/lake", var_dir=Path(where, "var")), {"t": {"files": "*.csv", "format": "csv", "key": ["id"]}})
if moment == "rejected":
    keep = rejected.add
    rejected.add = lambda *a, **k: (keep(*a, **k), stop())
elif moment == "committed":
    import lakehouse.tables.ledger as ledger
    ledger.emit = stop
found.batch = int(sys.argv[3])
found.take()
"""


@pytest.mark.parametrize("moment", ["rejected", "committed"])
def test_a_run_that_is_killed_loses_and_doubles_nothing(tmp_path: Path, moment: str) -> None:
    found = folder(tmp_path, t={"files": "*.csv", "format": "csv", "key": ["id"]})
    for day in range(3):
        found.write(f"{day}.csv", HEAD + f"{day},a,1\nragged {day}\n")
        words = [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path), moment, str(2 * day)]
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
            assert child.stdout
            assert child.stdout.readline() == "now\n"
            os.kill(child.pid, signal.SIGKILL)
        found.batch = 2 * day + 1
        found.take()
    rows = found.rows("t", "select id, _line from bronze order by id")
    assert [(row["id"], row["_line"]) for row in rows] == [(0, 2), (1, 2), (2, 2)]
    assert [file for file, *_ in found.rejected("t")] == ["0.csv", "1.csv", "2.csv"]
