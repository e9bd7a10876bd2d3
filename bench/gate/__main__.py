"""`python -m bench.gate [--rows 10000000] [--rounds 5] [--small]`: a suite of fifty expectations, beside scans and plain Great Expectations."""

import json
import platform
import signal
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import click
from deltalake import DeltaTable

from bench.ingest import machine
from bench.ingest.stage import spark_stage
from expectations import registry
from expectations.compile import aggregate, frame
from expectations.evidence import Evidence
from expectations.runner import Runner, SuiteResult, TableRows, _enough, _validate
from expectations.suite import Suite, load
from lakehouse import console
from lakehouse.engines import local, session
from lakehouse.engines.dialect import DUCKDB, SPARK, Engine
from lakehouse.settings import ROOT, Settings
from lakehouse.tables import candidate, schemas
from lakehouse.tables.types import spark_types

GX, OURS, ON_SPARK = "plain Great Expectations on Spark", "Comporta, DuckDB where it can", "Comporta, Spark alone"
SCANS = {"duckdb": "scan, hash of every column, DuckDB", "spark": "scan, hash of every column, Spark"}
ONE = {"duckdb": "what one aggregation answers, DuckDB", "spark": "what one aggregation answers, Spark"}
_APART = ("unique", "distinct")  # uniqueness and set-valued checks cost a pass of their own


@click.command()
@click.option("--rows", default=10_000_000, show_default=True)
@click.option("--rounds", default=5, show_default=True, help="each runs all contenders once, in turn")
@click.option("--small", is_flag=True, help="a smoke run of seconds, into var/bench")
def main(rows: int, rounds: int, small: bool) -> None:
    """Measure a gate of fifty expectations that hold, and the same with ten that don't."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else the server would stay
    rows, rounds = (20_000, 1) if small else (rows, rounds)
    out = ROOT / ("var/bench" if small else "docs/benchmarks")
    with console.step("Starting Spark"), spark_stage() as settings:
        schemas.create(settings)
        found = measure(Bench(settings, rows), rounds)
    found |= {"machine": machine.describe(), "rows": rows, "rounds": rounds, "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    names = ("great-expectations", "pyspark", "delta-spark", "duckdb")
    found["versions"] = {"Python": platform.python_version()} | {name: metadata.version(name) for name in names}
    out.mkdir(parents=True, exist_ok=True)
    (out / "gate.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "gate.md").write_text(page(found))
    console.out.print(f"See {out / 'gate.md'}")


class Bench:
    """The table, its suites, and everyone who may judge it."""

    def __init__(self, settings: Settings, rows: int) -> None:
        self.spark, self.runner = session.connect(settings), Runner()
        with console.step(f"Writing {rows:,} rows"):
            _write(self.spark, rows)
        place = candidate.location(settings, "silver", "orders")
        table = DeltaTable(place)
        self.types, near = spark_types(table), local.rows(settings, table)
        query = frame.at_version(place, table.version())
        spark = Engine(lambda text: self.spark.sql(text).collect(), query, SPARK)
        assert near is not None
        duck = Engine(local.DuckEngine(settings).ask, near, DUCKDB)
        self.engines = {"duckdb": duck, "spark": spark}
        self.frame = lambda: self.spark.sql(query)
        self.suite = load(Path(__file__).with_name("orders.yml"))

    def contenders(self, suite: Suite) -> dict[str, Callable[[], Any]]:
        """What is timed, by name."""
        both, alone = (self.engines["duckdb"], self.engines["spark"]), (self.engines["spark"],)
        made: dict[str, Callable[[], Any]] = {GX: lambda: self.natively(suite)}
        made |= {OURS: lambda: self.gate(suite, both), ON_SPARK: lambda: self.gate(suite, alone)}
        for name, engine in self.engines.items():
            made |= {SCANS[name]: partial(self.scan, engine), ONE[name]: partial(self.aggregation, suite, engine)}
        return made

    def gate(self, suite: Suite, engines: tuple[Engine, ...]) -> list[bool]:
        """The gate as it is."""
        judged = TableRows(Evidence(engines, self.types, lambda *_: ""), ("id",), self.frame)
        ran: SuiteResult = self.runner.run(suite, "silver.orders", judged)
        return [outcome.success for outcome in ran.outcomes]

    def natively(self, suite: Suite) -> list[bool]:
        """Great Expectations, of the whole suite at once, with the detail that it gives by itself."""
        asset = self.runner._source.add_dataframe_asset(f"plain {time.monotonic_ns()}")
        rows = self.frame()
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": rows})
        built = {number: registry.build(check, number, "bench") for number, check in enumerate(suite.checks, 1)}
        found, _ = _validate(batch, "bench", built, "SUMMARY")
        return [bool(found[number].success) for number in sorted(found)]

    def scan(self, engine: Engine) -> None:
        """Every value is read and hashed."""
        if engine.dialect.is_spark:
            columns = ", ".join(map(engine.dialect.column, self.types))
            list(engine.ask(f"select bit_xor(xxhash64({columns})) from ({engine.rows})"))
        else:
            hashes = ", ".join(f"bit_xor(hash({engine.dialect.column(name)}))" for name in self.types)
            list(engine.ask(f"select {hashes} from ({engine.rows})"))

    def aggregation(self, suite: Suite, engine: Engine) -> None:
        """The checks that need no pass of their own."""
        checks = {n: check for n, check in enumerate(suite.checks, 1) if not any(word in check.expect for word in _APART)}
        aggregate.measure([engine], self.types, checks, partial(_enough, suite))


def _write(spark: Any, rows: int) -> None:
    day = "timestamp'2026-01-01 00:00:00' + make_interval(0, 0, 0, 0, 0, 0, id % 20000000)"
    spark.sql(f"""create or replace table silver_candidate.orders using delta as select id, cast(hash(id) & 1048575 as int) % 900000 as customer_id,
      element_at(array('new', 'paid', 'sent', 'done', 'back'), cast(pmod(hash(id, 1), 5) + 1 as int)) as status,
      element_at(array('PT', 'BR', 'AO', 'MZ', 'CV', 'ES', 'FR'), cast(pmod(hash(id, 2), 7) + 1 as int)) as country,
      1 + pmod(hash(id, 3), 150000) / 100 as amount, cast(1 + pmod(hash(id, 4), 9) as int) as quantity,
      case when pmod(hash(id, 5), 10) < 7 then pmod(hash(id, 6), 1000) / 1000 end as discount,
      case when pmod(hash(id, 7), 50) > 0 then concat('c', hash(id), '@example.', pmod(hash(id, 8), 100)) end as email,
      {day} as created_at, {day} + make_interval(0, 0, 0, 0, 0, 0, pmod(hash(id, 9), 90000)) as updated_at
      from range(0, {rows}, 1, 8)""")


def _with_failures(suite: Suite) -> Suite:
    """Ten of its row-wise checks ask for what a few rows don't have."""
    worse = {
        12: {"max_value": 9_999_900},
        14: {"max_value": 8},
        18: {"value_set": ["new", "paid", "sent", "done"]},
        20: {"value_set": [False]},
        24: {"max_value": 3},
        25: {"max_value": 12},
        13: {"max_value": 899_000},
        16: {"max_value": 0.998},
        22: {"value_set": [9]},
        15: {"min_value": 1.05},
    }
    checks = [
        check.model_copy(update={"args": check.args | worse[number]}) if number in worse else check
        for number, check in enumerate(suite.checks, 1)
    ]
    return suite.model_copy(update={"checks": checks})


def measure(bench: Bench, rounds: int) -> dict[str, Any]:
    """Seconds of each contender in each round, after one that does not count."""
    found: dict[str, Any] = {}
    for kind, suite in (("all hold", bench.suite), ("ten fail", _with_failures(bench.suite))):
        contenders, took, said = bench.contenders(suite), {}, {}
        for number in range(rounds + 1):
            for name, run in contenders.items():
                with console.step(f"{kind}, round {number}: {name}"):
                    started = time.monotonic()
                    said[name] = run()
                    took.setdefault(name, []).append(time.monotonic() - started)
        assert said[GX] == said[OURS] == said[ON_SPARK], said
        found[kind] = {"failed": said[GX].count(False), "seconds": {name: times[1:] for name, times in took.items()}}
        found[kind]["first"] = {name: times[0] for name, times in took.items()}
    return found


def page(found: dict[str, Any]) -> str:
    """The page of docs/benchmarks."""
    parts = []
    for kind in ("all hold", "ten fail"):
        seconds = found[kind]["seconds"]
        of = lambda name, base: statistics.median(a / b for a, b in zip(seconds[name], seconds[base], strict=True))  # noqa: E731, B023
        lines = "".join(
            f"| {name} | {statistics.median(times):.2f} | {found[kind]['first'][name]:.2f} | {1 / of(name, GX):.1f} × |\n"
            for name, times in seconds.items()
        )
        parts.append(
            f"## {kind.capitalize()}\n\n| | seconds | the first time | as fast as plain Great Expectations |\n|---|---|---|---|\n{lines}\n"
            f"What one aggregation answers costs {of(ONE['duckdb'], SCANS['duckdb']):.2f} scans in DuckDB "
            f"and {of(ONE['spark'], SCANS['spark']):.2f} in Spark.\n"
        )
    told = [", ".join(f"{name} {value}" for name, value in found[what].items()) for what in ("machine", "versions")]
    return f"""# Benchmark: the gate

`make bench-gate` on {found["date"]}: fifty expectations ([orders.yml](../../bench/gate/orders.yml)) on {found["rows"]:,} rows of ten
columns. Medians of {found["rounds"]} rounds, in each of which all contenders run in turn, ratios within a round; a first round, where everything
is cold, does not count and is told apart. All contenders come to the same verdicts. {told[0]}; {told[1]}.

{chr(10).join(parts)}"""


if __name__ == "__main__":
    main()
