"""What a gate says to whoever waits for it; `requeue` lets rows back, `suite` drafts a suite."""

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from expectations.suite import NOBODY
from expectations.verdict import CheckOutcome, Verdict
from lakehouse import console, machine
from lakehouse.machine import load
from lakehouse.settings import Settings


@click.command()
@click.option("--table", required=True, help="of bronze, as it is called there: shop__orders")
def requeue(table: str) -> None:
    """Let rows out of quarantine that its suite no longer objects to; they come back as a batch of their own."""
    from expectations import quarantine
    from lakehouse.engines.session import connect

    settings = load()
    with machine.writing(settings, f"requeue {table}"):
        suite = quarantine.find_suite(settings, table)
        with console.step(f"Looking through quarantine.{table}"):
            spark = connect(settings)
            try:
                done = quarantine.requeue(settings, spark, table, suite)
            finally:
                spark.stop()
    rows = [("back in bronze", done.back), ("superseded by a newer row", done.superseded), ("still failing", done.failing)]
    console.table("", ("", "rows"), [(name, console.count(number)) for name, number in rows], numbers=("rows",))
    if done.batch_id is not None:
        console.out.print(
            f"They are batch {done.batch_id} of bronze.{table}. Run make run, or make gate and make release LAYER=bronze."
        )


def show(settings: Settings, verdicts: list[Verdict]) -> None:
    """Print a line for each verdict, then a block for each check that failed or broke."""
    rows = [_line(verdict) for verdict in verdicts]
    console.table("", ("table", "verdict", "checks", "rows", "s"), rows, numbers=("checks", "rows", "s"))
    for verdict in verdicts:
        if verdict.verdict == "errored":
            console.out.print(Text.assemble(("✗ ", "red"), f"{verdict.table}: {verdict.reason}."))
        for outcome in verdict.failures:
            for line in block(settings, verdict, outcome):
                console.out.print(line)


def _line(verdict: Verdict) -> tuple[object, ...]:
    word = console.verdict("unchanged" if verdict.unchanged else verdict.verdict)
    warned = f" ({verdict.failed_warning} warned)" if verdict.failed_warning else ""
    checks = f"{verdict.passed_checks}/{verdict.declared}{warned}"
    return verdict.table, word, checks, console.count(verdict.rows_seen), f"{verdict.seconds:.1f}"


def block(settings: Settings, verdict: Verdict, outcome: CheckOutcome) -> list[Text]:
    """The lines about one failed check: what, where, how many, which rows, whose, and its page."""
    critical = outcome.severity != "warning"
    head = Text.assemble(
        ("✗ " if critical else "! ", "bold red" if critical else "yellow"),
        (f"{verdict.layer}.{verdict.table}", "bold"),
        f"  {outcome.check}" + (f"({outcome.column})" if outcome.column else "") + f"  {outcome.severity}",
    )
    said = {
        "could not run": outcome.error,
        "quarantine": "these rows were taken out; the rest goes on" if outcome.quarantined else "",
        "where": outcome.where,
        "observed": "" if outcome.observed is None else str(outcome.observed),
        "unexpected": "" if outcome.unexpected_count is None else f"{console.count(outcome.unexpected_count)} rows",
        "sample": "; ".join(_sample(row) for row in outcome.sample),
        "why": outcome.why,
        "owner": outcome.owner,
        "page": str(settings.site_dir / verdict.page) if verdict.page else "",
    }
    return [head, *(Text.assemble((f"    {name:<13} ", "dim"), value) for name, value in said.items() if value)]


def _sample(row: object) -> str:
    if isinstance(row, dict):
        return ", ".join(f"{name}={value}" for name, value in row.items())
    return str(row)


@click.command()
@click.option("--table", required=True, help="silver.int_orders__current; without the layer if only one has it")
@click.option("--owner", help="who is told when it fails; by default whoever dbt's meta names")
@click.option("--dry-run", is_flag=True, help="print the draft; write nothing")
def suite(table: str, owner: str | None, dry_run: bool) -> None:
    """Draft a table's suite from its rows, for you to review; a suite that is there is never overwritten."""
    from expectations.drafting import draft
    from expectations.names import resolve

    settings = load()
    name = resolve(settings, table)
    with console.err.status(f"Looking at {'.'.join(name)}"):
        made = draft.draft(settings, name, owner, draft.today())
    path = None if dry_run else draft.write(made)
    for line in made.left_out:
        console.warn(f"left out, since it does not hold: {line}")
    if made.owner == NOBODY:
        console.warn(f"nobody owns it: the gate refuses `owner: {NOBODY}`. Say OWNER=… or write the name in")
    if path is None:
        console.echo(made.text)
        said = (
            "A dry run: nothing was written."
            if dry_run
            else f"{'.'.join(name)} has a suite: it was left as it is, the draft is above."
        )
        console.err.print(Text(said, style="dim"))
        return
    rows = [(check["expect"].removeprefix("expect_"), _about(check), _severity(check), check["why"]) for check in made.checks]
    console.table("", ("check", "column", "", "seen"), rows)
    console.out.print(
        f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}: {len(made.checks)} checks from {console.count(made.rows)} rows. "
        f"Review it, then make gate LAYER={name[0]} TABLES={name[1]}."
    )


def _about(check: dict[str, Any]) -> str:
    if "column_A" in check:
        return f"{check['column_A']} ≥ {check['column_B']}"
    return str(check.get("column") or ", ".join(check.get("column_list", check.get("key", []))) or "")


def _severity(check: dict[str, Any]) -> Text:
    return Text("warning", style="yellow") if check.get("severity") == "warning" else Text("")
