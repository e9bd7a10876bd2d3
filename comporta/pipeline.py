"""The way of the data, stage by stage."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from comporta import stats
from comporta.gate import pass_gate
from comporta.run import Run, Seconds, noted, stage
from ingestion.sources import config as source_file
from ingestion.sources.config import Section
from lakehouse import console, dbt, machine
from lakehouse.errors import CatalogError, PartialCopyError
from lakehouse.settings import Settings
from releases import glue, release


def run(settings: Settings, seconds: Seconds | None = None, sources: Sequence[Section] = ()) -> Seconds:
    """The way of the data: ingest, then of each layer models, gate and release; and the site, after a failure too.

    Args:
        seconds: of stages before these.
        sources: to read; by default all of sources.yml that it says where they are, and SOURCE_DSN's.

    Returns:
        seconds of each stage, in order.

    Raises:
        GateError: a gate failed; what readers see has not moved.
    """
    sources = sources or source_file.chosen(settings, source_file.load())
    seconds = {} if seconds is None else seconds
    with machine.writing(settings, "the pipeline"):
        threading.Thread(target=_warm).start()
        with stage(seconds, "server"):
            machine.start(settings, mend=True)  # nobody else writes
            release.recover(settings)
        try:
            with noted(settings, "run", seconds) as made:
                made.sources = sources
                made.begin()
                _run_layers(made)
        finally:
            with stage(seconds, "site"):
                build_site(settings)
    return seconds


def _run_layers(run: Run) -> None:
    missing: PartialCopyError | CatalogError | None = None
    with run.stage("ingest"):
        try:
            _ingest(run)
        except PartialCopyError as error:  # what was copied goes its way; the exit code tells of the rest
            missing = error
    _promote(run, "bronze")
    for layer in ("silver", "gold"):
        with run.stage(f"dbt {layer}"):
            dbt.run_moved(run.settings, layer)
        _promote(run, layer)
        late = glue.follow(run.settings, layer)
        missing = missing or late
        dbt.note_built(run.settings, layer)
    if missing:
        raise missing


def _ingest(run: Run) -> None:
    from ingestion.command import copy
    from ingestion.sources.base import Request

    machine.check(run.settings)
    copy(run.settings, Request(run_id=run.run_id), run.sources)


def _promote(run: Run, layer: str) -> None:
    with run.stage(f"gate {layer}"):
        pass_gate(run, layer, hold_back=True)
    with run.stage(f"release {layer}"):
        made = release.publish(run.settings, layer, release.judged(run.settings, layer), run_id=run.run_id)
        console.out.print(f"{layer}: release {made.release_id}, {len(made.tables)} tables")


def _warm() -> None:
    """Import Great Expectations, which takes seconds: meanwhile the server starts, or the source is read."""
    from expectations import registry

    registry.types()


def build_site(settings: Settings) -> None:
    """The index, and dbt's docs where dbt has run; data docs are written by the gates as they judge."""
    from docs_site import build, dbt_page, publish

    stats.write(settings)
    dbt_page.write(settings)
    index = build.build(settings, datetime.now(UTC))
    publish.publish(settings)
    console.out.print(f"Site: {index}")
