"""`dev`, `watch`, `diff-models` and `model`: what people who write models run."""

from contextlib import closing
from pathlib import Path

import click
from rich.text import Text

from lakehouse import atomic, console, machine
from lakehouse.errors import GateError
from lakehouse.machine import load
from lakehouse.settings import ROOT
from workspaces import dev as place


@click.command()
@click.option("--name", help="whose; by default the user who runs this")
@click.option("--anew", is_flag=True, help="also drop what you have built, so that you begin with what is released")
@click.option("--drop", is_flag=True, help="drop your schemas")
def dev(name: str | None, anew: bool, drop: bool) -> None:
    """Make schemas of your own for dbt to build in, beside what is released and beginning with it."""
    settings = load()
    own = place.whose(name)
    machine.start(settings)
    if drop:
        gone = place.drop(settings, own)
        console.out.print(f"Dropped {', '.join(gone)}." if gone else f"There is no {own.schema}_*: nothing to drop.")
        return
    with console.err.status("Making your schemas"):
        desk = place.prepare(settings, own, anew)
    console.out.print(
        f"Yours: {own.of('silver')}, {own.of('gold')}. Behind them are {desk.released} released tables, which dbt reads where they are;\n"
        "a model that you build begins with a clone that shares the released files, and is yours alone."
    )
    if desk.kept:
        console.out.print(Text(f"Built by you, left alone: {', '.join(desk.kept)} (ANEW=1 drops them)", style="dim"))
    shell = own.folder(settings) / "env"
    shown = shell.relative_to(Path.cwd()) if shell.is_relative_to(Path.cwd()) else shell
    console.out.print(
        f"\nNow, in your shell:\n  source .venv/bin/activate; source {shown}; cd {(ROOT / 'dbt_project').name}\n"
        "  dbt run -s my_model+        build a model and what is below it\n"
        "  make watch                  (in the project's folder) does so at each save, and shows the rows\n"
        "  DEV_SAMPLE=1 dbt run …      on a hundredth of the orders, with all that belongs to them\n"
        "  make diff-models            (in the project's folder) what your branch changes"
    )


@click.command()
@click.option("--name", help="whose; by default the user who runs this")
@click.option("--rows", default=10, show_default=True, type=click.IntRange(0, 200), help="so many rows are shown of a saved model")
def watch(name: str | None, rows: int) -> None:
    """Build each model that is saved, in your own schemas, and show its rows."""
    from workspaces import watch as watching  # dbt takes seconds to import

    settings = load()
    own = place.whose(name)
    machine.start(settings)
    watching.follow(settings, own, rows)


@click.command("diff-models")
@click.option("--name", help="whose; by default the user who runs this")
@click.option("--rows", default=3, show_default=True, type=click.IntRange(0, 100), help="so many examples of each kind and table")
@click.option("--show", is_flag=True, help="with the values of the columns that differ; they may be personal")
def diff_models(name: str | None, rows: int, show: bool) -> None:
    """Say what the models that you have built would change for readers, as Markdown for a pull request and as a page.

    Ends with 7 if one of them would not pass its gate.
    """
    from inspection.reader import Reader
    from lakehouse.engines.session import connect
    from workspaces import branch

    settings = load()
    own = place.whose(name)
    machine.start(settings)
    with closing(Reader(settings)) as reader, console.err.status("Comparing your models with what is released"):
        spark = connect(settings)
        try:
            found = branch.compare(settings, spark, reader=reader, own=own, examples=rows, show=show)
        finally:
            spark.stop()
    text = branch.report(found, own, "branch.md")
    atomic.write(own.folder(settings) / "diff.md", text)
    page = atomic.write(own.folder(settings) / "diff.html", branch.report(found, own, "branch.html"))
    console.echo(text)
    console.err.print(Text(f"The same as a page: {page}", style="dim"))
    bad = [one.name for one in found if one.verdict and not one.verdict.ok]
    if bad:
        raise GateError(", ".join(bad), "would not pass the gate", remedy="Mend the model or its suite, then run it again")


@click.command()
@click.option("--name", required=True, help="layer.domain.model: gold.sales.rpt_returns")
@click.option("--from", "parents", required=True, help="models that it reads, the main one first: fct_orders,dim_customers")
@click.option("--key", required=True, help="columns of the main one that name a row: customer_id")
@click.option("--owner", default="analytics", show_default=True, help="who is told when its gate fails")
@click.option("--dry-run", is_flag=True, help="print the files; write nothing")
def model(name: str, parents: str, key: str, owner: str, dry_run: bool) -> None:
    """Draft a new model: its query, its YAML with contract and tests, its suite."""
    from workspaces import skeleton

    made = skeleton.draft(load(), name, parents=_listed(parents), key=_listed(key), owner=owner)
    if dry_run:
        for path, text in made.files.items():
            where = f"{path.relative_to(ROOT)}{', at its end' if path in made.added else ''}"
            console.echo(f"-- {where}\n{made.added.get(path, text)}")
        return
    skeleton.write(made)
    for path in made.files:
        more = " (one more model at its end)" if path in made.added else ""
        console.out.print(Text.assemble(("✓ ", "green"), f"{path.relative_to(ROOT)}{more}"))
    console.out.print(
        f"It builds as it stands: dbt run -s {name.split('.')[-1]}. Then write the query, and what says {skeleton.LATER}."
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
