"""`dev`, `diff-models` and `model`: what people who write models run."""

from pathlib import Path

import click
from rich.text import Text

from authoring import dev as place
from lakehouse import console, server
from lakehouse.settings import ROOT, load


@click.command()
@click.option("--name", help="whose; by default the user who runs this")
@click.option("--anew", is_flag=True, help="also replace what you have built by what is released")
@click.option("--drop", is_flag=True, help="drop your schemas")
def dev(name: str | None, anew: bool, drop: bool) -> None:
    """Make schemas of your own, with zero-copy clones of what is released, for dbt to build in."""
    settings = load()
    own = place.whose(name)
    server.start(settings)
    if drop:
        gone = place.drop(settings, own)
        console.out.print(f"Dropped {', '.join(gone)}." if gone else f"There is no {own.schema}_*: nothing to drop.")
        return
    with console.step(f"Cloning what is released into {own.schema}_*"):
        made = place.prepare(settings, own, anew)
    console.out.print(f"{len(made)} tables: {place.summary(made)}. They share the released files; what you build is yours alone.")
    if kept := [f"{one.layer}.{one.table}" for one in made if one.state == "your own"]:
        console.out.print(Text(f"Yours, left alone: {', '.join(kept)} (ANEW=1 replaces them)", style="dim"))
    shell = own.folder(settings) / "env"
    shown = shell.relative_to(Path.cwd()) if shell.is_relative_to(Path.cwd()) else shell
    console.out.print(
        f"\nNow, in your shell:\n  source .venv/bin/activate; source {shown}; cd {(ROOT / 'dbt_project').name}\n"
        "  dbt run -s my_model+        build a model and what is below it\n"
        "  DEV_SAMPLE=1 dbt run …      on a hundredth of the orders, with all that belongs to them\n"
        "  make diff-models            (in the project's folder) what your branch changes"
    )
