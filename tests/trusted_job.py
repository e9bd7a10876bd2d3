"""Runs of jobs/trusted.py in a folder of their own, all in one Spark."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apart
import pyarrow.parquet as pq

from jobs import local
from lakehouse import environment
from lakehouse.settings import Settings

DRIVER = Path(__file__).parent / "spark" / "trusted_runs.py"


class Runs:
    """A folder with a RAW zone, and the runs that are to be made in it, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: dict[str, list[str]] = {}
        self.ended: dict[str, dict[str, Any]] = {}

    def raw(self, path: str, content: str | bytes) -> None:
        place = self.folder / "raw" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())

    def ask(self, name: str, raw: str, *arguments: str, to: str = "") -> None:
        """A run is to be made: `name`, of raw/<raw>, to trusted/<to>, which is by default trusted/<name>."""
        self.asked[name] = ["--raw", f"{self.folder}/raw/{raw}", "--to", f"{self.folder}/trusted/{to or name}", *arguments]

    @classmethod
    @contextmanager
    def placed(cls) -> Iterator["Runs"]:
        """In a folder that is gone afterwards."""
        folder = apart.folder("trusted")
        yield cls(folder)
        shutil.rmtree(folder)

    def start(self) -> None:
        """Make them."""
        settings = Settings(spark_master="local[2]", spark_memory="1g")
        asked, place = self.folder / "asked.json", self.folder / "ended.json"
        asked.write_text(json.dumps(list(self.asked.values())))
        command = [*local.command(settings, [str(asked), str(place)])]
        command[command.index(str(local.SCRIPT))] = str(DRIVER)
        # Small tables: to compile each query takes longer than to run it.
        small = ("spark.sql.shuffle.partitions=2", "spark.sql.codegen.wholeStage=false", "spark.sql.codegen.factoryMode=NO_CODEGEN")
        command[command.index("--conf") : command.index("--conf")] = [part for each in small for part in ("--conf", each)]
        told = environment.server(settings) | {"PYSPARK_PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, env=told, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        self.ended = dict(zip(self.asked, json.loads(place.read_text()), strict=True))

    def rows(self, to: str) -> list[dict[str, Any]]:
        """What a reader of the folder sees, `_file` by its name alone."""
        found = pq.read_table(self.folder / "trusted" / to).to_pylist()
        return [row | ({"_file": row["_file"].removeprefix(f"{self.folder}/raw/")} if "_file" in row else {}) for row in found]

    def files(self, to: str) -> list[str]:
        return sorted(path.name for path in (self.folder / "trusted" / to).glob("[!._]*"))
