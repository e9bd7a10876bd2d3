"""Who builds the models: dbt with our adapter, dbt-duckdb, and a client that only sends the statements."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

import duckdb
import pyarrow as pa
import yaml
from deltalake import DeltaTable
from pyhive import hive

from bench.ingest.stage import LIMIT_SECONDS, PEERS
from bench.tpch import source
from lakehouse import dbt
from lakehouse.engines import catalog
from lakehouse.servers import authentication
from lakehouse.settings import Settings
from lakehouse.tables import candidate

PROJECT = Path(__file__).with_name("project")
SERVER = yaml.safe_load((dbt.PROJECT / "profiles.yml").read_text())["comporta"]["outputs"]["lakehouse"]
THREADS: int = SERVER["threads"]
SCHEMAS = ("staging", "star", "queries")
T = TypeVar("T")
_ENTRY = "import sys; from dbt.cli.main import cli; sys.argv[0] = 'dbt'; cli()"  # what bin/dbt does, also where .venv was moved


@dataclass(frozen=True)
class Took:
    """Wall seconds of a build, and when in it each model began and ended."""

    seconds: float
    models: dict[str, tuple[float, float]]


class Contender(Protocol):
    """Builds everything from nothing."""

    def clear(self) -> None:
        """Leave nothing of the last round."""

    def build(self) -> Took:
        """Build all models."""

    def table(self, schema: str, name: str) -> pa.Table:
        """What was built."""


class Dbt:
    """One `dbt run`, in a folder of its own with the same models; `python` is of the environment that has the adapter."""

    def __init__(self, python: Path, folder: Path, environment: Mapping[str, str], variables: Mapping[str, Any]) -> None:
        shutil.copytree(PROJECT, folder)
        self.python, self.folder, self.variables = python, folder, json.dumps(variables)
        self.environment = {**environment, "DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}

    def call(self, command: str) -> float:
        """Wall seconds of `dbt command`, from the start of the process to its end."""
        started = time.monotonic()
        arguments = ["--no-version-check", command, "--threads", str(THREADS), "--vars", self.variables]
        done = subprocess.run(
            [self.python, "-W", "ignore", "-c", _ENTRY, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT_SECONDS,
        )
        if done.returncode:
            raise RuntimeError(f"{self.folder.name}: {done.stdout[-3000:]}{done.stderr[-1000:]}")
        return time.monotonic() - started

    def build(self) -> Took:
        """dbt run."""
        began = time.time()
        seconds = self.call("run")
        return Took(
            seconds, {one["unique_id"].rsplit(".", 1)[-1]: _span(one, began) for one in self.found("run_results")["results"]}
        )

    def found(self, name: str) -> Any:
        """What dbt wrote."""
        return json.loads((self.folder / "target" / f"{name}.json").read_text())


def _span(result: Mapping[str, Any], began: float) -> tuple[float, float]:
    moments = [
        datetime.fromisoformat(one[end]).timestamp() - began for one in result["timing"] for end in ("started_at", "completed_at")
    ]
    return min(moments), max(moments)


class OnLake:
    """What both ways on the server have in common."""

    def __init__(self, settings: Settings, prefix: str) -> None:
        self.settings, self.prefix = settings, prefix

    def clear(self) -> None:
        """Drop the schemas."""
        catalog.thrift_rows(self.settings, *(f"drop schema if exists {self.prefix}{name} cascade" for name in SCHEMAS))

    def schemas(self) -> list[str]:
        """What makes the schemas, as dbt does when it runs."""
        return [f"create schema if not exists {self.prefix}{name}" for name in SCHEMAS]

    def table(self, schema: str, name: str) -> pa.Table:
        """Read past Spark."""
        return DeltaTable(candidate.place(self.settings, self.prefix + schema, name)).to_pyarrow_table()


class Comporta(OnLake):
    """dbt with our adapter, materializations and profile."""

    def __init__(self, settings: Settings, variables: Mapping[str, Any], prefix: str = "") -> None:
        super().__init__(settings, prefix)
        environment = dbt.environment(settings) | {"TPCH_SOURCE": str(source.folder(settings))}
        folder = settings.var_dir / f"{prefix}comporta"
        self.dbt = Dbt(Path(sys.executable), folder, environment, {**variables, "prefix": prefix})

    def build(self) -> Took:
        """dbt run."""
        return self.dbt.build()

    def again(self) -> float:
        """Seconds of another dbt run, which finds nothing to do.

        Raises:
            RuntimeError: it did something.
        """
        seconds = self.dbt.call("run")
        if said := {str(one["message"]) for one in self.dbt.found("run_results")["results"]} - {"UNCHANGED"}:
            raise RuntimeError(f"something was built again: {said}")
        return seconds


def memory(settings: Settings) -> str:
    """DuckDB's limit: as much as the Spark server's heap."""
    return settings.spark_memory[:-1] + {"g": " GiB", "m": " MiB"}[settings.spark_memory[-1]]


class DuckDb:
    """dbt-duckdb; tables in a file of DuckDB's own, sources the Parquet files of the lake's Delta tables."""

    def __init__(self, settings: Settings, variables: Mapping[str, Any]) -> None:
        self.file = settings.var_dir / "tpch.duckdb"
        folder = settings.var_dir / "duckdb"
        environment = os.environ | {
            "TPCH_DATABASE": str(self.file),
            "TPCH_SOURCE": str(source.folder(settings)),
            "TPCH_MEMORY": memory(settings),
            "DBT_PROFILES_DIR": str(folder),
            "NO_COLOR": "1",
        }
        self.dbt = Dbt(PEERS, folder, environment, variables)

    def clear(self) -> None:
        """Remove the file."""
        self.file.unlink(missing_ok=True)

    def build(self) -> Took:
        """dbt run."""
        return self.dbt.build()

    def table(self, schema: str, name: str) -> pa.Table:
        """Read from the file."""
        with duckdb.connect(str(self.file), read_only=True) as opened:
            return opened.sql(f"select * from {schema}.{name}").to_arrow_table()


@dataclass(frozen=True)
class Statement:
    """What makes a model, and the models that it waits for."""

    text: str
    parents: frozenset[str]


class Plain(OnLake):
    """Spark SQL without dbt: the statements that dbt compiled, over as many sessions as dbt has threads."""

    def __init__(self, settings: Settings, variables: Mapping[str, Any]) -> None:
        super().__init__(settings, "plain_")
        compiler = Comporta(settings, variables, self.prefix)
        catalog.thrift_rows(settings, *self.schemas())  # where a schema is missing, dbt compile ends with an error
        compiler.dbt.call("compile")
        self.statements = statements(compiler.dbt.found("manifest"), compiler.dbt.found("run_results"))

    def build(self) -> Took:
        """Send the statements, each as soon as those that it waits for are done."""
        started = time.monotonic()
        settings, sessions = SERVER["server_side_parameters"], SimpleQueue[Any]()
        where = {
            "host": "127.0.0.1",
            "port": self.settings.thrift_port,
            "auth": "CUSTOM",
            "password": authentication.token(self.settings),
        }
        opened = [hive.connect(**where, configuration=settings) for _ in range(THREADS)]
        for one in opened:
            sessions.put(one.cursor())
        first = sessions.get()
        for statement in self.schemas():
            catalog.execute(first, statement)
        sessions.put(first)

        def send(name: str) -> tuple[float, float]:
            cursor, begun = sessions.get(), time.monotonic() - started
            catalog.execute(cursor, self.statements[name].text)
            sessions.put(cursor)
            return begun, time.monotonic() - started

        models = in_order({name: one.parents for name, one in self.statements.items()}, THREADS, send)
        for one in opened:
            one.close()
        return Took(time.monotonic() - started, models)


def statements(manifest: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, Statement]:
    """What dbt-spark would send to make each compiled model, by name, as it took them up in the run of which `order` is the result."""
    begun = {one["unique_id"]: one["timing"][0]["started_at"] for one in order["results"]}
    models = {number: node for number, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    nodes = {number: models[number] for number in sorted(models, key=lambda number: begun[number])}
    return {
        node["name"]: Statement(
            _made(node), frozenset(nodes[number]["name"] for number in node["depends_on"]["nodes"] if number in nodes)
        )
        for node in nodes.values()
    }


def _made(node: Mapping[str, Any]) -> str:
    kind = {"view": "view {} as", "table": "table {} using delta as"}[node["config"]["materialized"]]
    return f"create or replace {kind.format(node['relation_name'])}\n{node['compiled_code']}"


def in_order(parents: Mapping[str, frozenset[str]], threads: int, do: Callable[[str], T]) -> dict[str, T]:
    """`do` everything, `threads` at a time, nothing before its parents; of those that may begin, the first one in `parents`."""
    left, done, running = list(parents), dict[str, T](), dict[Future[T], str]()
    with ThreadPoolExecutor(threads) as pool:
        while left or running:
            for name in [name for name in left if parents[name] <= done.keys()][: threads - len(running)]:
                left.remove(name)
                running[pool.submit(do, name)] = name
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                done[running.pop(future)] = future.result()
    return done
