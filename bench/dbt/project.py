"""A project of generated models with our macros, and the same on dbt-spark as it is; both on one server."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import requests
from deltalake import CommitProperties, write_deltalake

from lakehouse.engines import catalog
from lakehouse.settings import Settings
from lakehouse.store import lock

_PROFILE = """\
bench:
  target: bench
  outputs:
    bench: {{type: {kind}, method: thrift, host: 127.0.0.1, port: {port}, user: dbt, schema: {schema}, threads: {threads}, connect_retries: 1, poll_interval: 0,
      server_side_parameters: {{"set:hiveconf:spark.sql.session.timeZone": UTC, "set:hiveconf:spark.sql.ansi.enabled": "true"}}}}
"""
_PROJECT = {
    "name": "comporta",
    "version": "0.1.0",
    "config-version": 2,
    "profile": "bench",
    "model-paths": ["models"],
    "macro-paths": ["macros"],
    "flags": {"send_anonymous_usage_stats": False, "use_colors": False},
    "models": {"+file_format": "delta", "+incremental_strategy": "merge", "+meta": {"on_tombstone": "keep"}},
}


@dataclass(frozen=True)
class Run:
    """One call of dbt: its wall time, and the seconds of each model with what dbt said of it."""

    seconds: float
    models: dict[str, float]
    said: dict[str, str]
    jobs: int  # of Spark


class Project:
    """A dbt project in a folder of its own; `plain` is dbt-spark without anything of ours."""

    def __init__(self, settings: Settings, name: str, plain: bool = False, threads: int = 1) -> None:
        self.settings, self.plain, self.schema = settings, plain, name
        self.folder = settings.var_dir / name
        (self.folder / "models").mkdir(parents=True)
        (self.folder / "dbt_project.yml").write_text(json.dumps(_PROJECT))
        kind = "spark" if plain else "comporta"
        profile = _PROFILE.format(kind=kind, port=settings.thrift_port, schema=name, threads=threads)
        (self.folder / "profiles.yml").write_text(profile)

    def write(self, name: str, text: str) -> None:
        """A model, or any file of `models`."""
        (self.folder / "models" / name).write_text(text)

    @property
    def environment(self) -> dict[str, str]:
        """What dbt needs to know of the lake."""
        return {
            "LAKE_URL": self.settings.lake_url,
            "VAR_DIR": str(self.settings.var_dir),
            lock.HELD: "1",
            "DBT_PROFILES_DIR": str(self.folder),
        }

    def run(self, *arguments: str) -> Run:
        """dbt run."""
        before, started = jobs(self.settings), time.monotonic()
        done = subprocess.run(
            [Path(sys.executable).with_name("dbt"), "--no-version-check", "run", *arguments],
            cwd=self.folder,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - started
        if done.returncode:
            raise RuntimeError(done.stdout[-3000:] + done.stderr[-1000:])
        results = json.loads((self.folder / "target" / "run_results.json").read_text())["results"]
        named = {one["unique_id"].rsplit(".", 1)[-1]: one for one in results}
        return Run(
            seconds,
            {name: one["execution_time"] for name, one in named.items()},
            {name: str(one["message"]) for name, one in named.items()},
            jobs(self.settings) - before,
        )


def jobs(settings: Settings) -> int:
    """Spark jobs that the server has started so far."""
    page = f"http://127.0.0.1:{settings.spark_ui_port}/api/v1/applications"
    application = requests.get(page, timeout=5).json()[0]["id"]
    found: list[dict[str, Any]] = requests.get(f"{page}/{application}/jobs", timeout=5).json()
    return max((one["jobId"] for one in found), default=-1) + 1


def append(settings: Settings, table: str, rows: pa.Table, batch: int) -> None:
    """A batch of the source table `bench_source.<table>`, as ingestion appends it."""
    place = f"{settings.var_dir}/source/{table}"
    fresh = not Path(place).exists()
    note = CommitProperties(custom_metadata={"comporta": json.dumps({"window": {"batch_id": batch}})})
    write_deltalake(place, rows, mode="append", commit_properties=note)
    if fresh:
        catalog.thrift_rows(
            settings, "create schema if not exists bench_source", catalog.register_statement("bench_source", table, place)
        )
