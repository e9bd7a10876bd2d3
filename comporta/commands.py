"""Servers, releases, the whole way, and the ways to look at it; the other commands stand where their work is done."""

import os
import shutil
import time
from contextlib import suppress
from typing import Any

import click
from rich.text import Text

from comporta import pipeline, stats
from comporta.run import noted
from lakehouse import console, dbt, machine
from lakehouse.engines import catalog
from lakehouse.errors import LockError, ReadOnlyError, SettingsError
from lakehouse.machine import load
from lakehouse.servers import health, postgres, seaweedfs, server
from lakehouse.settings import OWN_STORE, ROOT, Settings
from lakehouse.tables import released
from releases import glue, release

# What is ours in VAR_DIR (docs/operations.md): whoever named a folder with other things in it keeps those.
_OURS = ("cache", "dbt", "dev", "jars", "lake", "log", "metastore", "postgres", "run", "s3", "site", "state", "tmp")
_STATUS_SECONDS = 20.0  # for an answer, of somebody who waits at a terminal


@click.command()
def up() -> None:
    """Start the Spark server (Thrift and Connect)."""
    settings = load()
    with console.step("Starting the Spark server"):
        fresh = machine.start(settings, mend=True)
    if not fresh:
        console.out.print("It was running already.")
    with suppress(LockError, ReadOnlyError), machine.writing(settings, "up"):  # whoever writes finishes what was cut off
        for made in release.recover(settings):
            glue.follow(settings, made.layer)
    _status(settings)


@click.command()
def down() -> None:
    """Stop the servers of this project, those of STORE=s3 too."""
    settings = load()
    beside = settings.model_copy(update={"var_dir": settings.var_dir / OWN_STORE})
    for each in (settings, beside):
        servers = {"Spark server": server.stop, "PostgreSQL": lambda own: postgres.of(own).stop(), "S3 server": seaweedfs.stop}
        for name, stop in servers.items():
            stopped = stop(each)
            if stopped or (each is settings and (stop is not seaweedfs.stop or each.store)):
                console.out.print(f"{name}: {'stopped' if stopped else 'was not running'}.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="for another program")
def status(as_json: bool) -> None:
    """Say what runs, on which ports, and what is released."""
    if as_json:
        console.only_json()
        console.as_json(_status_data(load()))
    else:
        _status(load())


def _status_data(settings: Settings) -> dict[str, Any]:
    """What `status --json` says. `wrong` of the Spark server is empty if it answers; a layer without a release is null."""
    store = seaweedfs.running(settings)
    lake_answers = bool(store) or not settings.store
    layers = {layer: released.current(settings, layer) if lake_answers else None for layer in catalog.LAYERS}
    return {
        "servers": {
            "spark": {
                "wrong": health.trouble(settings, _STATUS_SECONDS, connect=True),
                "thrift_port": settings.thrift_port,
                "connect_port": settings.connect_port,
                "log": str(server.log_file(settings)),
            },
            "postgres": {"running": bool(postgres.of(settings).running()), "port": settings.postgres_port},
            "s3": {"running": bool(store), "port": settings.s3_port},
        },
        "lake": settings.places,
        "layers": {layer: made and {"release_id": made.release_id, "tables": made.tables} for layer, made in layers.items()},
    }


def _status(settings: Settings) -> None:
    wrong, database = health.trouble(settings, _STATUS_SECONDS, connect=True), postgres.of(settings).running()
    rows = [
        (
            "Spark server",
            _spark_state(wrong),
            f"Thrift {settings.thrift_port}, Connect {settings.connect_port}",
            server.log_file(settings),
        ),
        ("PostgreSQL (sample shop)", _state(database), settings.postgres_port, settings.log_dir / "postgres.log"),
    ]
    store = seaweedfs.running(settings)
    if settings.store or store:
        rows.append(("S3 server", _state(store), settings.s3_port, seaweedfs.log_file(settings)))
    console.table("", ("server", "state", "ports", "log"), rows)
    if wrong and wrong != health.STOPPED:
        console.warn(f"The Spark server {wrong}. Run make up, which starts it anew.")
    if settings.store and not store:
        console.out.print(f"lake: {settings.lake_url}, whose server is down: make up STORE=s3")
        return
    for layer in catalog.LAYERS:
        now = released.current(settings, layer)
        said = f"release {now.release_id}, {len(now.tables)} tables" if now else "nothing released yet"
        console.out.print(f"{layer}: {said}")
    console.out.print(f"lake: {', '.join(settings.places)}")


def _spark_state(wrong: str) -> Text:
    if not wrong or wrong == health.STOPPED:
        return console.verdict("stopped" if wrong else "running")
    return console.verdict("died" if wrong.startswith("has died") else "does not answer")


def _state(process: Any) -> Text:
    return console.verdict("running") if process else console.verdict("stopped")


@click.command("dbt")
@click.option("--layer", type=click.Choice(["silver", "gold"]), required=True)
def run_dbt(layer: str) -> None:
    """Run a layer's models into its candidate schema."""
    settings = load()
    machine.start(settings)
    with machine.writing(settings, f"dbt {layer}"):
        dbt.run(settings, layer)


@click.command()
@click.pass_context
def silver(context: click.Context) -> None:
    """Build silver's models into silver_candidate, as its gate will judge them."""
    context.invoke(run_dbt, layer="silver")


@click.command()
@click.pass_context
def gold(context: click.Context) -> None:
    """Build gold's models into gold_candidate, as its gate will judge them."""
    context.invoke(run_dbt, layer="gold")


@click.command("release")
@click.option("--layer", type=click.Choice(catalog.LAYERS), required=True, help="bronze, silver or gold")
def make_release(layer: str) -> None:
    """Show readers the layer's tables as its gate has passed them."""
    settings = load()
    machine.start(settings)
    with machine.writing(settings, f"release {layer}"), noted(settings, f"release {layer}") as made_in:
        before = released.current(settings, layer)
        made = release.publish(settings, layer, release.judged(settings, layer), run_id=made_in.run_id)
        unchanged = before is not None and made.release_id == before.release_id
        console.out.print(f"{layer}: release {made.release_id}, {len(made.tables)} tables{' (unchanged)' if unchanged else ''}.")
        glue.register(settings, layer)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="for another program")
def releases(as_json: bool) -> None:
    """List releases; the current one of each layer is marked."""
    settings = load()
    found = released.history(settings)
    if as_json:
        console.only_json()
        current = {made.release_id for layer in catalog.LAYERS if (made := released.current(settings, layer))}
        console.as_json([vars(made) | {"is_current": made.release_id in current} for made in found])
        return
    if not found:
        console.out.print("Nothing released yet. Run make run, or make release LAYER=silver after its gate.")
        return
    now = {layer: made.release_id for layer in catalog.LAYERS if (made := released.current(settings, layer))}
    rows = [
        (
            made.release_id,
            made.layer,
            made.kind,
            console.verdict(made.status),
            len(made.tables),
            "← readers see this" if now.get(made.layer) == made.release_id else made.note,
        )
        for made in found
    ]
    console.table("", ("release", "layer", "kind", "state", "tables", ""), rows, numbers=("release", "tables"))


@click.command()
@click.option("--release", "number", type=int, required=True, help="its number, as releases lists it")
def rollback(number: int) -> None:
    """Show readers an earlier release again."""
    settings = load()
    release.target_of(settings, number)  # before a server is started for nothing
    machine.start(settings)
    with machine.writing(settings, "rollback"), noted(settings, "rollback") as made_in:
        made = release.rollback(settings, number, made_in.run_id)
        console.out.print(f"Readers of {made.layer} see release {number} again (as release {made.release_id}).")
        glue.register(settings, made.layer)


@click.command()
def run() -> None:
    """The whole way for SOURCE_DSN: ingest, gate, silver, gate, release, gold, gate, release, docs."""
    settings = load()
    started = time.monotonic()
    done = pipeline.run(settings)
    stats.show(settings, done, time.monotonic() - started)


_sample = click.option("--sample", type=click.Choice(["shop", "credit"]), default="shop", show_default=True, help="whose data")


@click.command()
@_sample
def demo(sample: str) -> None:
    """The whole way with a sample: a shop on an embedded PostgreSQL, or a credit marketplace's export of documents."""
    from comporta.demo import SAMPLES

    settings = load()
    started = time.monotonic()
    done = SAMPLES[sample].run(settings)
    stats.show(settings, done, time.monotonic() - started)
    console.out.print(f"\nTry next:\n{SAMPLES[sample].then}", markup=False)


@click.command()
@click.option("--yes", is_flag=True, help="don't ask")
@click.pass_context
def clean(context: click.Context, yes: bool) -> None:
    """Stop the servers, and remove what Comporta has made in VAR_DIR: a lake there, the sample shop, the site, logs, jars.

    A lake elsewhere (LAKE_URL) is left alone, and so are files of others.
    """
    settings = load()
    _refuse_others(settings)
    found = [path for name in _OURS if os.path.lexists(path := settings.var_dir / name)]
    if not found:
        console.out.print(f"Nothing to remove in {settings.var_dir}.")
        return
    context.invoke(down)
    console.out.print(f"To be removed from {settings.var_dir}: {', '.join(path.name for path in found)}")
    held = [place for place in settings.places if any(f"{place}/".startswith(f"{path}/") for path in found)]
    held += [f"{settings.var_dir / OWN_STORE} (STORE=s3)"] if settings.var_dir / OWN_STORE in found else []
    if held:
        console.out.print(Text(f"Tables and their history are gone for good: {', '.join(held)}.", style="bold"))
    if not yes and not click.confirm("Remove them?", err=True):
        console.out.print("Left as it is.")
        return
    for path in found:
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path)
    console.out.print("Removed.")


def _refuse_others(settings: Settings) -> None:
    """Refuse a folder in which no server of ours has run: names such as `log` and `site` may be anybody's there."""
    folder = settings.var_dir
    marks = ("metastore/lake", "run/spark.token", "run/lock", f"{OWN_STORE}/metastore/lake")
    if folder == ROOT / "var" or any((folder / mark).is_file() for mark in marks):
        return
    if not any(os.path.lexists(folder / name) for name in _OURS):
        return
    wanted = "a folder in which Comporta has run"
    raise SettingsError("VAR_DIR", f"is {folder}, and nothing of Comporta's is in it", wanted, "Set it to the one to be cleaned")


@click.command()
@_sample
@click.option("--days", default=1, show_default=True, type=click.IntRange(1, 1000))
def traffic(sample: str, days: int) -> None:
    """Play business days on a sample."""
    from comporta.demo import SAMPLES

    SAMPLES[sample].play(load(), days)


@click.command()
def site() -> None:
    """Build the docs site."""
    settings = load()
    machine.start(settings)
    pipeline.build_site(settings)


@click.command()
def docs() -> None:
    """Serve the docs site on loopback."""
    from docs_site import serve

    settings = load()
    serve.serve(settings)


@click.command()
@click.option("-e", "--execute", "--sql", "execute", help="run this statement and leave")
def sql(execute: str | None) -> None:
    """A SQL prompt on the Spark server."""
    from comporta import prompt

    settings = load()
    machine.start(settings)
    prompt.run(settings, execute)
