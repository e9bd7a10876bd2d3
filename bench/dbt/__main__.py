"""`python -m bench.dbt [fixed hundred cold merge] [--rounds 5] [--small]`: the price of dbt's way on a warm server."""

import itertools
import json
import os
import platform
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import click
import pyarrow as pa

from bench.dbt.project import Project, append
from bench.ingest import machine
from bench.ingest.stage import spark_stage
from lakehouse import console
from lakehouse.engines import catalog
from lakehouse.settings import ROOT, Settings
from workspaces.watch import WarmDbt

SECTIONS = ("fixed", "hundred", "cold", "merge")
Result = dict[str, Any]
SOURCES = """\
sources:
  - {name: bench, schema: bench_source, tables: [{name: small}, {name: many}, {name: t1}, {name: t20}]}
"""
TABLE = "{{ config(materialized='table') }}\nselect id, upper(name) as name, _batch_id from {{ source('bench', 'small') }}"
MERGE = """\
{{ config(materialized='incremental', unique_key='id') }}
select id, name, _batch_id, _ingested_at, _op, _is_deleted, _source_lsn from {{ source('bench', 'TABLE') }} where NEW
"""
OURS_NEW = "{{ is_new_batch() }}"
PLAIN_NEW = (
    "{% if is_incremental() %} _batch_id > {{ run_query('select coalesce(max(_batch_id), -1) as b from ' ~ this).rows[0][0] }} "
    "{% else %} true {% endif %}"
)


@click.command()
@click.argument("sections", nargs=-1, type=click.Choice(SECTIONS))
@click.option("--rounds", default=5, show_default=True)
@click.option("--small", is_flag=True, help="a smoke run, into var/bench")
def main(sections: tuple[str, ...], rounds: int, small: bool) -> None:
    """Measure what a model costs beside its query; all contenders in turn, on one server."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else the server would stay
    out = ROOT / ("var/bench" if small else "docs/benchmarks")
    path = out / "dbt.json"
    found: Result = json.loads(path.read_text()) if path.exists() else {}
    with console.step("Starting Spark"), spark_stage() as settings:
        catalog.thrift_rows(settings, "create schema bench_source")
        append(settings, "small", rows(range(7), 1), 1)
        made = {"fixed": fixed, "hundred": hundred, "cold": cold, "merge": merge}
        for name in sections or SECTIONS:
            with console.step(name):
                found[name] = made[name](settings, 1 if small else rounds, small) | {
                    "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
                }
    versions = {name: metadata.version(name) for name in ("dbt-core", "dbt-spark", "pyspark", "delta-spark")}
    found |= {"machine": machine.describe(), "versions": versions | {"python": platform.python_version()}}
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")
    (out / "dbt.md").write_text(page(found))
    console.out.print(f"See {out / 'dbt.md'}")


def rows(ids: Sequence[int], batch: int) -> pa.Table:
    """Rows as silver has them."""
    count = len(ids)
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "name": pa.array([f"name {number} of batch {batch}" for number in ids]),
            "_batch_id": pa.array([batch] * count, pa.int64()),
            "_ingested_at": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * count, pa.timestamp("us", tz="UTC")),
            "_op": pa.array(["u"] * count),
            "_is_deleted": pa.array([False] * count),
            "_source_lsn": pa.array([batch] * count, pa.int64()),
        }
    )


def _project(settings: Settings, name: str, plain: bool = False, threads: int = 1) -> Project:
    made = Project(settings, name, plain, threads)
    made.write("sources.yml", SOURCES)
    return made


def _merge_of(table: str, plain: bool) -> str:
    return MERGE.replace("TABLE", table).replace("NEW", PLAIN_NEW if plain else OURS_NEW)


def fixed(settings: Settings, rounds: int, small: bool) -> Result:
    """Seconds of a model of seven rows: built, merged with one new row, merged with nothing new, and left alone."""
    projects = {"dbt-spark": _project(settings, "fixed_plain", plain=True), "Comporta": _project(settings, "fixed_ours")}
    for name, project in projects.items():
        for number in range(3):
            project.write(f"table_{number}.sql", TABLE)
            project.write(f"merge_{number}.sql", _merge_of("small", name == "dbt-spark"))
        project.run()
    found: dict[str, dict[str, list[float]]] = {name: {} for name in projects}
    for step in range(rounds + 1):
        append(settings, "small", rows([7 + step], 2 + step), 2 + step)
        for name, project in projects.items():
            changed, again = project.run(), project.run()
            if step:  # the first round warms
                for run, kinds in ((changed, ("table", "merge")), (again, ("table again", "merge of nothing"))):
                    for kind in kinds:
                        seconds = [each for model, each in run.models.items() if model.startswith(kind.split()[0])]
                        found[name].setdefault(kind, []).extend(seconds)
    return {"seconds": found}


def hundred(settings: Settings, rounds: int, small: bool) -> Result:
    """Seconds of `dbt run` over a hundred models, nothing changed, and the Spark jobs that it took."""
    count = 10 if small else 100
    project = _project(settings, "hundred", threads=2)
    for number in range(count):
        project.write(f"m{number}.sql", TABLE if number % 2 else _merge_of("small", plain=False))
    first = project.run()
    runs = [project.run() for _ in range(rounds)]
    if any(set(run.said.values()) != {"UNCHANGED"} for run in runs):
        raise RuntimeError(f"something was built: {runs[0].said}")
    return {"models": count, "first": first.seconds, "seconds": [run.seconds for run in runs], "jobs": [run.jobs for run in runs]}


def cold(settings: Settings, rounds: int, small: bool) -> Result:
    """Seconds from the prompt until one edited small model is built and dbt has ended; and from its save, with dbt kept warm."""
    project = _project(settings, "cold")
    os.environ |= project.environment
    warm = WarmDbt(project.folder)
    for number in range(30):
        project.write(f"m{number}.sql", TABLE)
    project.run("--select", "m0")
    found: dict[str, list[float]] = {"edited": [], "model alone": [], "unchanged": [], "kept warm": []}
    for step in range(rounds + 1):
        project.write("m0.sql", TABLE.replace("upper(name)", f"upper(name) || '{step}'"))
        edited, again = project.run("--select", "m0"), project.run("--select", "m0")
        project.write("m0.sql", TABLE.replace("upper(name)", f"lower(name) || '{step}'"))
        started = time.monotonic()
        [built] = warm.run("--select", "m0")
        seconds = time.monotonic() - started
        if not built.ok or built.said.startswith("UNCHANGED"):
            raise RuntimeError(built.said)
        if step:
            found["kept warm"].append(seconds)
            found["edited"].append(edited.seconds)
            found["model alone"].append(edited.models["m0"])
            found["unchanged"].append(again.seconds)
    return {"seconds": found, "models": 30}


WAYS = ("dbt-spark", "Comporta", "Comporta, deletion vectors")


def merge(settings: Settings, rounds: int, small: bool) -> Result:
    """Seconds of a merge of 10,000 rows into a small and a large target: keys spread over all of it, and the newest ones."""
    sizes = {"t1": 10_000 if small else 1_000_000, "t20": 200_000 if small else 20_000_000}
    changed = 100 if small else 10_000
    projects = {way: _project(settings, f"merges{number}", plain=way == WAYS[0]) for number, way in enumerate(WAYS)}
    for table, size in sizes.items():
        with console.step(f"{size:,} rows"):
            _fill(settings, table, size)
            for way, project in projects.items():
                text = _merge_of(table, plain=project.plain)
                if way == WAYS[2]:
                    text = text.replace("config(", "config(tblproperties={'delta.enableDeletionVectors': 'true'}, ", 1)
                project.write(f"{table}.sql", text)
                project.run("--select", table)
    found: dict[str, dict[str, dict[str, list[float]]]] = {
        kind: {way: {table: [] for table in sizes} for way in WAYS} for kind in ("newest", "spread")
    }
    # The newest keys first: a merge that writes all files anew leaves them in no order of keys.
    for batch, (kind, step) in enumerate(itertools.product(found, range(rounds + 1)), start=2):
        for table, size in sizes.items():
            ids = range(0, size, size // changed) if kind == "spread" else range(size - changed, size)
            append(settings, table, rows(list(ids), batch), batch)
        for table in sizes:
            for way, project in projects.items():
                run = project.run("--select", table)
                if step:
                    found[kind][way][table].append(run.models[table])
    return {"rows": sizes, "changed": changed, "seconds": found}


def _fill(settings: Settings, table: str, size: int) -> None:
    part = 2_000_000
    for start in range(0, size, part):
        append(settings, table, rows(range(start, min(size, start + part)), 1), 1)


def page(found: Result) -> str:
    """The page of docs/benchmarks."""
    parts = ["# Benchmark: dbt", "", _head(found), ""]
    for name, make in (("fixed", _fixed), ("hundred", _hundred), ("cold", _cold), ("merge", _merge)):
        if name in found:
            parts += [*make(found[name]), "", f"Measured {found[name]['at']}.", ""]
    return "\n".join(parts)


def _head(found: Result) -> str:
    said = ", ".join(f"{name} {value}" for name, value in (found["machine"] | found["versions"]).items())
    return f"Made by `make bench-dbt`; the raw rounds are in [dbt.json](dbt.json). Medians, on a warm server, contenders in turn. {said}."


def _fixed(found: Result) -> list[str]:
    kinds = {
        "table": "a table, its source changed",
        "table again": "a table, nothing changed",
        "merge": "a merge of one row",
        "merge of nothing": "a merge, nothing new",
    }
    lines = [
        "## A model of seven rows",
        "",
        "Seconds that dbt reports for the model.",
        "",
        "| | dbt-spark | Comporta | |",
        "|---|---:|---:|---:|",
    ]
    for kind, said in kinds.items():
        plain, ours = (statistics.median(found["seconds"][name][kind]) for name in ("dbt-spark", "Comporta"))
        lines.append(f"| {said} | {plain:.2f} | {ours:.2f} | {plain / ours:.1f} × |")
    return lines


def _hundred(found: Result) -> list[str]:
    return [
        f"## {found['models']} models, nothing changed",
        "",
        f"`dbt run` ends after **{statistics.median(found['seconds']):.1f} s** ({min(found['seconds']):.1f}–{max(found['seconds']):.1f}), "
        f"with {max(found['jobs'])} Spark jobs. To build them all takes {found['first']:.0f} s.",
    ]


def _cold(found: Result) -> list[str]:
    one = {name: statistics.median(times) for name, times in found["seconds"].items()}
    return [
        "## From the prompt",
        "",
        f"`dbt run -s model` of one edited small model, in a project of {found['models']}: **{one['edited']:.1f} s**, of which the model takes "
        f"{one['model alone']:.2f} s. Unchanged: {one['unchanged']:.1f} s. With dbt kept warm (`make watch`), from a save until it is built: "
        f"**{one['kept warm']:.1f} s**.",
    ]


def _merge(found: Result) -> list[str]:
    one, many = found["rows"].values()
    lines = [
        "## A merge costs what changed",
        "",
        f"{found['changed']:,} changed rows into a target of {one:,} and of {many:,} rows; seconds that dbt reports.",
        "",
        f"| keys | | {one:,} | {many:,} | |",
        "|---|---|---:|---:|---:|",
    ]
    for kind, said in (("newest", "the newest ones"), ("spread", "spread over all of it")):
        for way, times in found["seconds"][kind].items():
            a, b = map(statistics.median, times.values())
            lines.append(f"| {said} | {way} | {a:.2f} | {b:.2f} | {b / a:.2f} × |")
    return lines


if __name__ == "__main__":
    main()
