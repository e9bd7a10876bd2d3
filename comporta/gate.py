"""The gate of a layer as a stage of the pipeline, and the command `gate`: judged, shown, noted, told; what failed is held back."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from comporta.run import Run, noted
from expectations import command, notification
from expectations.suite import LAYERS, SUITES
from expectations.verdict import Verdict
from lakehouse import console, machine
from lakehouse.errors import GateError
from lakehouse.machine import load
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run_gate(
    settings: Settings,
    spark: "SparkSession",
    layer: str,
    tables: list[str] | None = None,
    of: Run | None = None,
    suites: Path = SUITES,
) -> list[Verdict]:
    """Judge the tables of `layer` whose names match a glob of `tables` (None: all); render and note new verdicts.

    A verdict over a released version that passed under the same suite is taken again, marked `unchanged`, and not noted twice.

    Raises:
        SettingsError: a suite is wrong, or a table has none and no exemption (before anything runs), or no table matches.
    """
    from expectations import gate

    found = gate.judge_layer(settings, spark, layer=layer, tables=tables, suites=suites)
    if not found.made:
        return found.kept
    from docs_site.publish import publish  # what renders takes seconds to import: not paid when nothing has changed
    from expectations.report import page

    verdicts = page.render(settings, found.made, datetime.now(UTC))
    gate.note(settings, verdicts, of.run_id if of else None)
    page.write_index(settings)
    publish(settings)
    return found.kept + verdicts


def pass_gate(
    run: Run,
    layer: str,
    tables: list[str] | None = None,
    hold_back: bool = False,
    show: Callable[[Settings, list[Verdict]], None] = command.show,
) -> None:
    """Judge a layer, show and tell what came of it.

    Args:
        hold_back: whether what failed is kept in quarantine, and set back to what readers see.
        show: prints the verdicts.

    Raises:
        GateError: a table did not pass.
    """
    settings = run.settings
    verdicts = _judge(run, layer, tables)
    show(settings, verdicts)
    for problem in notification.tell(settings, layer, verdicts):
        console.warn(problem)
    bad = [verdict for verdict in verdicts if not verdict.ok]
    if bad and hold_back:
        from lakehouse.tables import candidate, released  # deltalake: not for --help

        failed = {verdict.table: verdict.delta_version for verdict in bad}
        candidate.hold_back(settings, layer, failed, released.published(settings, layer))
    if bad:
        names = ", ".join(f"{verdict.table} {verdict.verdict}" for verdict in bad)
        raise GateError(
            f"{layer} gate",
            f"{len(bad)} of {len(verdicts)} tables did not pass: {names}",
            remedy=f"Nothing was promoted. Mend the data or the suite and run make gate LAYER={layer}",
        )


def _judge(run: Run, layer: str, tables: list[str] | None) -> list[Verdict]:
    from lakehouse.engines.session import connect  # Spark's client takes a second to import: not for --help

    with console.step(f"Judging {layer}"):
        spark = connect(run.settings)
        try:
            return run_gate(run.settings, spark, layer=layer, tables=tables, of=run)
        finally:
            spark.stop()


@click.command()
@click.option("--layer", type=click.Choice(LAYERS), required=True, help="what to judge")
@click.option("--tables", help="only these, as globs: shop__orders,shop__cust*")
@click.option("--hold-back", is_flag=True, help="keep what fails in quarantine, and set it back to what readers see")
@click.option("--json", "as_json", is_flag=True, help="for another program: the verdicts, also of a gate that did not pass")
def gate(layer: str, tables: str | None, hold_back: bool, as_json: bool) -> None:
    """Judge a layer's tables by their suites; nothing moves on that has not passed."""
    settings = load()
    if as_json:
        console.only_json()
    globs = [glob.strip() for glob in tables.split(",") if glob.strip()] if tables else None
    with machine.writing(settings, f"gate {layer}"), noted(settings, f"gate {layer}") as made:
        pass_gate(made, layer, globs, hold_back, show=_print_json if as_json else command.show)


def _print_json(settings: Settings, verdicts: list[Verdict]) -> None:
    fields = (
        "layer",
        "table",
        "delta_version",
        "verdict",
        "reason",
        "declared",
        "ran",
        "rows_seen",
        "unchanged",
        "page",
        "seconds",
    )
    console.as_json(
        [
            {name: getattr(verdict, name) for name in fields} | {"failures": [each.record() for each in verdict.failures]}
            for verdict in verdicts
        ]
    )
