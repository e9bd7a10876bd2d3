"""`python -m bench.release [--minutes 10] [--readers 4] [--gigabytes 10] [--small]`: mixed reads, and the price of promoting."""

import json
import platform
import signal
import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import click

from bench.ingest import machine
from bench.ingest.stage import spark_stage
from lakehouse import console
from lakehouse.engines import catalog, session
from lakehouse.settings import ROOT, Settings
from lakehouse.tables import candidate, schemas
from releases import release, view

LAYER, TABLES = "gold", ("fct_a", "fct_b", "dim_a", "dim_b")
Result = dict[str, Any]


@click.command()
@click.option("--minutes", default=10.0, show_default=True, help="how long each way of releasing goes on")
@click.option("--readers", default=4, show_default=True, help="clients that ask without a pause")
@click.option("--gigabytes", default=10.0, show_default=True, help="size of the large table")
@click.option("--small", is_flag=True, help="a smoke run of seconds, into var/bench")
def main(minutes: float, readers: int, gigabytes: float, small: bool) -> None:
    """Count mixed reads under releases, with plain views and with the switch; time releases of a small and a large table."""
    if small:
        minutes, gigabytes = 0.2, 0.02
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else the server would stay
    out = ROOT / ("var/bench" if small else "docs/benchmarks")
    with console.step("Starting Spark"), spark_stage() as settings:
        schemas.create(settings)
        found = {"mixed": mixed(settings, minutes, readers), "price": price(settings, gigabytes, 3 if small else 9)}
    found |= {"machine": machine.describe(), "python": platform.python_version(), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    out.mkdir(parents=True, exist_ok=True)
    (out / "release.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "release.md").write_text(page(found))
    console.out.print(f"See {out / 'release.md'}")


@dataclass
class Seen:
    """What readers met."""

    reads: int = 0
    mixed: int = 0
    errors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def mixed(settings: Settings, minutes: float, readers: int) -> Result:
    """Releases one after the other while readers join all tables; first with views that are replaced one by one."""
    names = [catalog.quote(catalog.CANDIDATE[LAYER], table) for table in TABLES]
    catalog.thrift_rows(settings, *(f"create table {name} using delta as select id, 0 as made from range(1)" for name in names))
    release.publish(settings, LAYER, _newest(settings))
    ways = {"plain views": _one_by_one, "switch": lambda settings, shown: release.publish(settings, LAYER, shown)}
    found = {}
    for name, publish in ways.items():
        with console.step(f"{name}: {readers} readers, {minutes:g} minutes"):
            found[name] = _under_load(settings, publish, minutes * 60, readers)
    return found | {"readers": readers, "minutes": minutes, "tables": len(TABLES), "grace": settings.release_grace}


def _one_by_one(settings: Settings, shown: dict[str, int]) -> None:
    for table, version in shown.items():
        view.replace(settings, catalog.PUBLISHED[LAYER], {table: view.plain(settings, LAYER, table, view.ReaderView(version))})


def _newest(settings: Settings) -> dict[str, int]:
    return {table: candidate.version(settings, LAYER, table) or 0 for table in TABLES}


def _build(settings: Settings, number: int) -> dict[str, int]:
    """A new version of every table, as a run of dbt makes it."""
    for table in TABLES:
        name = catalog.quote(catalog.CANDIDATE[LAYER], table)
        catalog.thrift_rows(settings, f"insert overwrite {name} select id, {number} from range(1)")
    return _newest(settings)


def _under_load(settings: Settings, publish: Any, seconds: float, readers: int) -> Result:
    stop, seen, took = threading.Event(), [Seen() for _ in range(readers)], []
    threads = [threading.Thread(target=_read, args=(settings, one, stop)) for one in seen]
    for thread in threads:
        thread.start()
    ends, number = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        number += 1
        built = _build(settings, number)
        started = time.monotonic()
        publish(settings, built)
        took.append(time.monotonic() - started)
    stop.set()
    for thread in threads:
        thread.join()
    times = [each for one in seen for each in one.seconds]
    return {
        "reads": sum(one.reads for one in seen),
        "mixed": sum(one.mixed for one in seen),
        "errors": [error for one in seen for error in one.errors][:5],
        "failed": sum(len(one.errors) for one in seen),
        "releases": number,
        "release_seconds": statistics.median(took),
        "read_seconds": statistics.median(times),
        "slowest_read": max(times),
    }


def _read(settings: Settings, seen: Seen, stop: threading.Event) -> None:
    """Ask all tables in one query (of one stage: as many as possible are wanted) which release they are of, through one session, as a dashboard would."""
    ask = " union all ".join(f"select made from {catalog.quote(catalog.PUBLISHED[LAYER], table)}" for table in TABLES)
    with catalog.cursor(settings) as opened:
        while not stop.is_set():
            started = time.monotonic()
            try:
                catalog.execute(opened, ask)
                met = {made for (made,) in opened.fetchall()}
            except Exception as error:
                seen.errors.append(str(error)[:300])
                continue
            seen.seconds.append(time.monotonic() - started)
            seen.reads += 1
            seen.mixed += len(met) > 1


def price(settings: Settings, gigabytes: float, rounds: int) -> Result:
    """Seconds of a release and a rollback of two tables of 1 MB and of many GB, interleaved."""
    sizes = {"1 MB": 0.001, f"{gigabytes:g} GB": gigabytes}
    spark = session.connect(settings)
    for number, size in enumerate(sizes.values()):
        for table in ("one", "two"):
            with console.step(f"Writing {size / 2:g} GB"):
                rows = int(size * 1e9 / 2 / 16_400)  # random bytes: nothing to compress
                _write(spark, f"silver_candidate.{table}_{number}", rows)
    took: dict[str, dict[str, list[float]]] = {name: {"release": [], "rollback": []} for name in sizes}
    for _ in range(rounds):
        for number, name in enumerate(sizes):
            tables = (f"one_{number}", f"two_{number}")
            for kind, version in (("release", 1), ("rollback", 0)):
                started = time.monotonic()
                release.publish(settings, "silver", dict.fromkeys(tables, version), kind=kind)
                took[name][kind].append(time.monotonic() - started)
    real = {name: sum(_bytes(settings, f"{table}_{number}") for table in ("one", "two")) for number, name in enumerate(sizes)}
    spark.stop()
    return {
        name: {"bytes": real[name]} | {kind: statistics.median(times) for kind, times in each.items()}
        for name, each in took.items()
    }


def _write(spark: Any, table: str, rows: int) -> None:
    """A table of `rows` rows of 16 KiB of noise, and one row more in its second version."""
    noise = "unhex(concat_ws('', transform(sequence(1, 256), n -> sha2(concat(id, '-', n), 512))))"
    spark.sql(
        f"create or replace table {table} using delta as select id, {noise} as noise from range(0, {max(rows, 1)}, 1, {max(1, rows // 5000)})"
    )
    spark.sql(f"insert into {table} select -1L, null")


def _bytes(settings: Settings, table: str) -> int:
    size = candidate.measure(settings, "silver", table)
    return size.size if size else 0


def page(found: Result) -> str:
    """The page of docs/benchmarks."""
    mixed, price = found["mixed"], found["price"]
    ways = "".join(
        f"| {name} | {one['releases']:,} | {one['release_seconds']:.2f} | {one['reads']:,} | {one['read_seconds']:.2f} "
        f"| **{one['mixed']:,}** | {one['failed']:,} |\n"
        for name, one in mixed.items()
        if isinstance(one, dict)
    )
    sizes = "".join(
        f"| {name} | {one['bytes'] / 1e6:,.0f} | {one['release']:.2f} | {one['rollback']:.2f} |\n" for name, one in price.items()
    )
    said = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    return f"""# Benchmark: releases

`make bench-release` on {found["date"]}; {said}; the raw figures are in `release.json`.

## Does a reader ever see two releases?

{mixed["readers"]} clients ask without a pause, in one query, which release each of {mixed["tables"]} tables is of, while the tables
are built and released again and again for {mixed["minutes"]:g} minutes; `RELEASE_GRACE={mixed["grace"]:g}`. *Plain views* are replaced one by one;
the *switch* is Comporta's way ([decision](../decisions/0013-one-moment-for-all-views.md)).

| way | releases | median seconds of one | reads | median seconds of one | mixed reads | failed reads |
|---|---|---|---|---|---|---|
{ways}
## What does it cost to promote and to roll back?

Two tables in a release, medians in seconds, interleaved; most of it are the two waits of `RELEASE_GRACE`.

| size | MB in fact | release | rollback |
|---|---|---|---|
{sizes}"""


if __name__ == "__main__":
    main()
