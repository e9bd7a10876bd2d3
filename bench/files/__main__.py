"""`python -m bench.files [csv csv.gz jsonl memory] [--rows 4000000] [--rounds 3] [--only comporta,duckdb] [--small]`."""

import json
import platform
import signal
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from bench.files import race, report, source
from bench.ingest import machine
from bench.ingest.stage import spark_stage
from lakehouse import console
from lakehouse.settings import ROOT, Settings

SECTIONS = (*source.FORMATS, "memory")
Result = dict[str, Any]


@click.command()
@click.argument("sections", nargs=-1, type=click.Choice(SECTIONS))
@click.option(
    "--rows", default=4_000_000, show_default=True, type=click.IntRange(4), help="of the CSV file; documents go with them"
)
@click.option(
    "--rounds", default=3, show_default=True, type=click.IntRange(1), help="each has every contender once, after a warm-up"
)
@click.option("--only", default="", help="contenders to run, by their functions: comporta,duckdb_told")
@click.option("--small", is_flag=True, help="a smoke run of 20 000 rows and one round, into var/bench")
@click.option("--render", is_flag=True, help="measure nothing: only the page, from the json")
@click.option("--out", type=click.Path(path_type=Path), help="where page and raw rounds go; docs/benchmarks by default")
def main(**given: Any) -> None:
    """Measure files; all sections by default."""
    small, known = given["small"], {each.function for each in race.CONTENDERS}
    only = tuple(filter(None, given["only"].split(",")))
    if unknown := {*only} - known:
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: wanted some of {', '.join(sorted(known))}", param_hint="--only")
    rows, rounds = (20_000, 1) if small else (given["rows"], given["rounds"])
    bench = Bench(given["out"] or ROOT / ("var/bench" if small else "docs/benchmarks"), rows, rounds, only)
    if not given["render"]:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else the server would stay
        bench.run(given["sections"] or SECTIONS)
    page = bench.render()
    if small:
        console.out.print(page, markup=False, soft_wrap=True)
    console.out.print(f"See {bench.out / 'files.md'}")


class Bench:
    """One run: how large, and its results so far."""

    def __init__(self, out: Path, rows: int, rounds: int, only: tuple[str, ...]) -> None:
        self.out, self.rows, self.rounds, self.only = out, rows, rounds, only
        self.path = out / "files.json"
        self.results: Result = json.loads(self.path.read_text()) if self.path.exists() else {}

    def run(self, sections: tuple[str, ...]) -> None:
        """Measure `sections`, each kept as soon as it is done."""
        with console.step(f"Making the files of {self.rows:,} rows, unless they are there"):
            files = source.make(self.rows)
            less = source.make(self.rows // 4) if "memory" in sections else {}
        with ExitStack() as held:
            with console.step("Starting Spark"):
                settings = held.enter_context(spark_stage())
            self.results |= {"machine": machine.describe(), "versions": _versions()}
            for form in source.FORMATS:
                if form in sections:
                    self.results.setdefault("race", {})[form] = self.race(settings, files[form])
                    self.keep()
            if "memory" in sections:
                self.results["memory"] = _dated({"data": self.memory(settings, [less, files])})
                self.keep()

    def race(self, settings: Settings, file: source.SourceFile) -> Result:
        """The race on one file, shown at its end."""
        found = race.race(settings, file, race.of(file.form, self.only), self.rounds, _note)
        console.table(f"{file.form}, medians of {self.rounds} rounds", report.HEAD, report.rows(found), report.HEAD[1:-1])
        for said in report.verdicts(found):
            console.out.print(said, markup=False)
        return _dated(found)

    def memory(self, settings: Settings, sizes: list[dict[str, source.SourceFile]]) -> Result:
        """What we hold in memory at most, by format and rows: of a quarter of the rows, and of all."""
        found: dict[str, dict[str, list[Result]]] = {form: {} for form in source.FORMATS}
        for round_ in range(1, self.rounds + 1):
            for file in (files[form] for form in source.FORMATS for files in sizes):
                one = race.once(settings, file, race.OURS)
                found[file.form].setdefault(str(file.rows), []).append(one)
                _note(f"{file.form}, memory", f"round {round_}", race.OURS.name, one)
        return found

    def keep(self) -> None:
        """Write the raw rounds, and the page: a later section may be interrupted."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        self.render()

    def render(self) -> str:
        """Write the page from the raw rounds."""
        page = report.page(self.results)
        (self.out / "files.md").write_text(page, encoding="utf-8")
        return page


def _dated(found: Result) -> Result:
    return {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"} | found


def _versions() -> dict[str, str]:
    ours = {name: metadata.version(name) for name in ("duckdb", "deltalake", "pyarrow", "pyspark", "delta-spark")}
    theirs = machine.of_peers("duckdb", "deltalake", "pyarrow", "dlt")
    told = {"Comporta's environment": ours, "the peers' environment": theirs}
    return {"Python": platform.python_version()} | {
        where: ", ".join(f"{name} {version}" for name, version in each.items()) for where, each in told.items()
    }


def _note(form: str, round_: str, name: str, result: Result) -> None:
    told = f"failed: {result.get('error')}"
    if "error" not in result:
        changed = f", changed: {', '.join(result['changed'])}" if result["changed"] else ""
        told = (
            f"{result['rows']:>9} rows {result['seconds']:7.2f} s {result['cpu']:6.1f} CPU s {result['peak_mb']:6.0f} MB{changed}"
        )
    console.out.print(f"{form:<8} {round_:<8} {name:<34} {told}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
