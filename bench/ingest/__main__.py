"""`python -m bench.ingest [race recording memory increments unchanged skew] [--tables wide,narrow] [--large] [--small]`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench.ingest import extras, machine, race, report, source
from bench.ingest.stage import PEERS, Stage, stage
from lakehouse import console
from lakehouse.settings import ROOT

SECTIONS = ("race", "recording", "memory", "increments", "unchanged", "skew")
Result = dict[str, Any]


@click.command()
@click.argument("sections", nargs=-1, type=click.Choice(SECTIONS))
@click.option("--tables", default=",".join(source.RACED), help="tables to race on")
@click.option("--large", is_flag=True, help="also the table of 40 M rows, for memory and increments")
@click.option("--small", is_flag=True, help="a smoke run: SCALE=0.005 ROUNDS=1, into var/bench")
@click.option("--render", is_flag=True, help="measure nothing: only page and chart, from the json")
@click.option("--out", type=click.Path(path_type=Path), help="where page, chart and raw rounds go; docs/benchmarks by default")
def main(sections: tuple[str, ...], tables: str, large: bool, small: bool, render: bool, out: Path | None) -> None:
    """Measure ingestion; all sections by default."""
    scale = 0.005 if small else float(os.environ.get("SCALE") or 1)
    rounds = 1 if small else int(os.environ.get("ROUNDS") or 5)
    bench = Bench(out or ROOT / ("var/bench" if small else "docs/benchmarks"), scale, rounds)
    if unknown := set(tables.split(",")) - set(source.TABLES):
        raise click.BadParameter(f"{', '.join(unknown)}: wanted some of {', '.join(source.TABLES)}", param_hint="--tables")
    if not render:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else the servers would stay
        with ExitStack() as held:
            with console.step("Starting PostgreSQL and Spark"):
                bench.stage = held.enter_context(stage())
            bench.run(sections or SECTIONS, tables.split(","), large)
    else:
        bench.render()
    console.out.print(f"See {bench.out / 'ingest.md'}")


class Bench:
    """One run: its scale, its results so far and the tables that it has built."""

    stage: Stage

    def __init__(self, out: Path, scale: float, rounds: int) -> None:
        self.out, self.scale, self.rounds = out, scale, rounds
        self.path = out / "ingest.json"
        self.results: Result = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.built: set[str] = set()

    def run(self, sections: tuple[str, ...], tables: list[str], large: bool) -> None:
        """Measure `sections`, each kept as soon as it is done."""
        dsn = self.stage.new_database("bench")
        self.results |= {"machine": machine.describe(), "versions": machine.versions(dsn)}
        wides = ["wide", *(["wide40"] if large else [])]
        jobs: dict[str, Callable[[], Result]] = {
            "race": lambda: self.results.get("race", {}) | {name: self.race(dsn, name) for name in tables},
            "recording": lambda: extras.recording(self.stage, self.table(dsn, "wide"), "wide", self.rounds, _say),
            "skew": lambda: extras.skew(self.stage, self.table(dsn, "skewed"), self.rounds, _say),
            "memory": lambda: extras.memory(self.stage, self.tables(dsn, wides), wides, self.rounds, _say),
            "unchanged": lambda: extras.unchanged(self.stage, self.twenty(), self.rounds, _say),
            "increments": lambda: extras.increments(self.stage, self.tables(dsn, wides), wides, self.rounds, _say),
        }  # in this order: increments change the tables
        for name in (name for name in jobs if name in sections):
            found = jobs[name]()
            self.results[name] = found if name == "race" else self.dated({"data": found})
            self.keep()
            self.render()  # a later section may be interrupted

    def race(self, dsn: str, name: str) -> Result:
        """The race on one table, shown at its end."""
        found = race.race(self.stage, self.table(dsn, name), name, self.rounds, _note)
        rows = [report.race_row(line) for line in report.lines(found)]
        console.table(f"{name}, medians of {self.rounds} rounds", report.RACE_HEAD, rows, report.RACE_HEAD[1:])
        return self.dated(found)

    def dated(self, found: Result) -> Result:
        """`found` with when and at which scale."""
        return {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "scale": self.scale} | found

    def table(self, dsn: str, name: str) -> str:
        """`dsn`, once the table is there."""
        if name not in self.built:
            with console.step(f"Building {name}"):
                source.build(dsn, source.TABLES[name], self.scale)
            self.built.add(name)
        return dsn

    def tables(self, dsn: str, names: list[str]) -> str:
        """`dsn`, once all tables are there."""
        return [self.table(dsn, name) for name in names][0]

    def twenty(self) -> str:
        """DSN of the database with the twenty tables."""
        dsn = self.stage.new_database("twenty")
        with console.step("Building twenty tables"):
            source.build_twenty(dsn, self.scale)
        return dsn

    def keep(self) -> None:
        """Write the raw rounds."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.results, indent=1) + "\n")

    def render(self) -> None:
        """Write page and chart from the raw rounds."""
        (self.out / "ingest.md").write_text(report.page(self.results))
        if self.results.get("race"):
            subprocess.run(
                [PEERS, "-m", "bench.ingest.chart", self.path.resolve(), (self.out / "ingest.svg").resolve()], check=True, cwd=ROOT
            )


def _say(line: str) -> None:
    console.out.print(line, markup=False)


def _note(table: str, round_: int, name: str, result: Result) -> None:
    told = (
        f"failed: {result['error']}"
        if "error" in result
        else (
            f"{result['rows']:>10} rows {result['seconds']:7.2f} s {result['rows'] / result['seconds']:>10.0f} rows/s "
            f"{result['cpu']:6.1f} CPU s {result['peak_mb']:6.0f} MB"
        )
    )
    _say(f"{table:<10}{f'round {round_}' if round_ else 'warm-up':<8} {name:<22} {told}")


if __name__ == "__main__":
    main()
