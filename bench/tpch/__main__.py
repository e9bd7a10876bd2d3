"""`python -m bench.tpch [--scale 1] [--rounds 3] [--small]`: TPC-H as dbt models, beside dbt-duckdb and Spark SQL without dbt."""

import json
import platform
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import click
import pyarrow as pa

from bench.ingest import machine
from bench.ingest.stage import spark_stage
from bench.tpch import answer, report, source
from bench.tpch.contender import PROJECT, THREADS, Comporta, Contender, DuckDb, Plain, memory
from lakehouse import console
from lakehouse.settings import ROOT, Settings

Result = dict[str, Any]
MODELS = {path.stem: path.parent.name for path in sorted((PROJECT / "models").rglob("*.sql"))}


@click.command()
@click.option("--scale", default=1.0, show_default=True, help="of the standard; 1 is a gigabyte of text")
@click.option("--rounds", default=3, show_default=True, help="each builds all with every contender; 0 only checks the answers")
@click.option("--small", is_flag=True, help="a smoke run at scale 0.01, into var/bench")
def main(scale: float, rounds: int, small: bool) -> None:
    """Build staging, star and the 22 queries from nothing, with dbt on Comporta and DuckDB, and without dbt."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else the server would stay
    scale, rounds = (0.01, min(rounds, 1)) if small else (scale, rounds)
    with console.step("Starting Spark"), spark_stage() as settings:
        found = measure(settings, scale, rounds)
    if not rounds:
        return console.out.print("The answers are right.")
    versions = {name: metadata.version(name) for name in ("dbt-core", "dbt-spark", "pyspark", "delta-spark")}
    found["versions"] = {"Python": platform.python_version()} | versions | machine.of_peers("dbt-duckdb", "duckdb", "tpchgen-cli")
    found |= {"machine": machine.describe(), "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
    out = ROOT / ("var/bench" if small else "docs/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    (out / "tpch.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "tpch.md").write_text(report.page(found))
    return console.out.print(f"See {out / 'tpch.md'}")


def measure(settings: Settings, scale: float, rounds: int) -> Result:
    """What each contender took in each round, after one that does not count.

    Raises:
        WrongError: they don't agree, or an answer is not the standard's.
    """
    with console.step(f"Writing TPC-H at scale {scale:g}"):
        rows = source.make(settings, scale)
    variables = {"fraction": f"{0.0001 / scale:.10f}"}
    ours = Comporta(settings, variables)
    contenders: dict[str, Contender] = {report.OURS: ours, report.DUCKDB: DuckDb(settings, variables)}
    with console.step("Compiling the statements"):
        contenders[report.PLAIN] = Plain(settings, variables)
    found, again, empty = [], [], []
    for number in range(rounds + 1):
        took: Result = {}
        for name in _turned(list(contenders), number):
            with console.step(f"round {number}: {name}"):
                contenders[name].clear()
                took[name] = asdict(contenders[name].build())
            if name == report.OURS:
                again.append(ours.again())
        with console.step(f"round {number}: the answers"):
            empty = check(contenders, scale)
        found.append(took)
    return {
        "scale": scale,
        "threads": THREADS,
        "memory": memory(settings),
        "source": rows,
        "empty": empty,
        "first": found[0],
        "rounds": found[1:],
        "again": again[1:],
    }


def _turned(names: list[str], number: int) -> list[str]:
    """Another one first each time."""
    return names[number % len(names) :] + names[: number % len(names)]


def check(contenders: Mapping[str, Contender], scale: float) -> list[str]:
    """Compare the results of the queries.

    Returns:
        the queries without an answer; none at scale 1.

    Raises:
        WrongError: contenders don't agree, or an answer is not the standard's.
    """
    answers: dict[str, pa.Table] = {}
    for name, schema in MODELS.items():
        if schema == "queries":
            seen = {who: contender.table(schema, name) for who, contender in contenders.items()}
            answer.agree(name, seen)
            answers[name] = seen[report.OURS]
    return answer.answers(answers, scale)


if __name__ == "__main__":
    main()
