"""The way of the data, stage by stage; and the demo, which is that way with the sample shop as its source."""

import importlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from psycopg2 import OperationalError
from psycopg2.errors import UndefinedTable
from rich.text import Text

from comporta import stats
from docs_site import dbt_page
from lakehouse import atomic, console, dbt, machine
from lakehouse.errors import CatalogError, PartialCopyError, SourceError
from lakehouse.machine import load
from lakehouse.redaction import first_line, redact
from lakehouse.servers import postgres
from lakehouse.settings import Settings
from lakehouse.tables import ledger
from releases import glue, release

Seconds = dict[str, float]


def run(settings: Settings, seconds: Seconds | None = None) -> Seconds:
    """Ingest, gate and release bronze, silver and gold, and build the site.

    Returns:
        seconds of each stage, in order.

    Raises:
        GateError: a gate failed; what readers see has not moved.
    """
    seconds = {} if seconds is None else seconds
    with machine.writing(settings, "the pipeline"):
        # Great Expectations takes seconds to import: meanwhile the server starts, or the source is read.
        threading.Thread(target=lambda: importlib.import_module("expectations.registry").types()).start()
        with _stage(seconds, "server"):
            machine.start(settings, mend=True)  # nobody else writes
            release.recover(settings)
        try:
            with _noted(settings):
                _run_layers(settings, seconds)
        finally:
            with _stage(seconds, "site"):
                build_site(settings)
    return seconds


def _run_layers(settings: Settings, seconds: Seconds) -> None:
    missing: PartialCopyError | CatalogError | None = None
    with _stage(seconds, "ingest"):
        try:
            _command("ingestion.command:ingest")
        except PartialCopyError as error:  # what was copied goes its way; the exit code tells of the rest
            missing = error
    _promote(settings, seconds, "bronze")
    for layer in ("silver", "gold"):
        with _stage(seconds, f"dbt {layer}"):
            dbt.run_moved(settings, layer)
        _promote(settings, seconds, layer)
        late = glue.follow(settings, layer)
        missing = missing or late
        dbt.note_built(settings, layer)
    if missing:
        raise missing


@contextmanager
def _noted(settings: Settings) -> Iterator[None]:
    """Record the run in the ledger, and why it failed if it did."""
    started = time.monotonic()
    row: dict[str, object] = {"run_id": ledger.next_run_id(settings), "command": "run"}
    ledger.append(settings, "runs", [row | {"status": "running"}])
    try:
        yield
    except BaseException as error:
        detail = redact(str(error) or type(error).__name__)
        ledger.append(settings, "runs", [row | {"status": "failed", "seconds": time.monotonic() - started, "detail": detail}])
        raise
    ledger.append(settings, "runs", [row | {"status": "succeeded", "seconds": time.monotonic() - started}])


def demo(settings: Settings) -> Seconds:
    """Start the embedded PostgreSQL, fill it if it is empty, and run the pipeline on it."""
    seconds: Seconds = {}
    database = postgres.of(settings)
    with _stage(seconds, "postgres"):
        database.start()
        dsn = database.create_database("shop")
    with _stage(seconds, "sample shop"):
        _seed(settings, dsn)
    return run(_pointed_at(dsn), seconds)


def traffic(settings: Settings, days: int) -> None:
    """Play `days` business days on the sample shop."""
    play = importlib.import_module("samples.shop.traffic").play_day
    database = postgres.of(settings)
    database.start()
    state = settings.var_dir / "state" / "day"
    state.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(days):
        day = int(state.read_text()) + 1 if state.exists() else 1
        try:
            with console.step(f"Day {day} in the shop"):
                done = play(database.dsn("shop"), day)
        except (OperationalError, UndefinedTable) as error:
            raise SourceError("sample shop", first_line(error), remedy="Run make demo first, which fills it") from None
        atomic.write(state, str(day))
        rows = [(table, *(counts[kind] for kind in ("inserted", "updated", "deleted"))) for table, counts in done.items()]
        console.table("", ("table", "inserted", "updated", "deleted"), rows, numbers=("inserted", "updated", "deleted"))


def build_site(settings: Settings) -> None:
    """The index, and dbt's docs where dbt has run; data docs are written by the gates as they judge."""
    stats.write(settings)
    dbt_page.write(settings)
    index = importlib.import_module("docs_site.build").build(settings, datetime.now(UTC))
    importlib.import_module("docs_site.publish").publish(settings)
    console.out.print(f"Site: {index}")


def _seed(settings: Settings, dsn: str) -> None:
    loader = importlib.import_module("samples.shop.load")
    state = settings.var_dir / "state" / "day"
    try:
        with console.step(f"Filling the sample shop (SCALE={settings.scale:g})"):
            rows = loader.load(dsn, settings.scale)
        state.unlink(missing_ok=True)
        console.out.print(f"  {console.count(sum(rows.values()))} rows in {len(rows)} tables")
    except loader.ShopExists:
        console.out.print("  The shop is there already; it is left as it is.")


def _pointed_at(dsn: str) -> Settings:
    os.environ["SOURCE_DSN"], os.environ["SOURCE_NAME"] = dsn, "shop"
    return load()


def _promote(settings: Settings, seconds: Seconds, layer: str) -> None:
    with _stage(seconds, f"gate {layer}"):
        _command("expectations.command:gate", "--layer", layer, "--hold-back")
    with _stage(seconds, f"release {layer}"):
        made = release.publish(settings, layer, release.judged(settings, layer))
        console.out.print(f"{layer}: release {made.release_id}, {len(made.tables)} tables")


def _command(target: str, *arguments: str) -> None:
    module, name = target.split(":")
    command: Callable[..., None] = getattr(importlib.import_module(module), name).main
    command(args=list(arguments), standalone_mode=False)


@contextmanager
def _stage(seconds: Seconds, name: str) -> Iterator[None]:
    console.out.rule(Text(name, style="bold"), align="left", style="dim") if console.out.is_terminal else console.out.print(
        f"— {name}"
    )
    started = time.monotonic()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0) + time.monotonic() - started
