"""The command line. Commands are loaded by name when they are called: `--help` waits for none of what they need."""

import importlib
import sys
import time
import traceback
from contextlib import suppress
from typing import Any

import click
from rich.text import Text

from comporta import pipeline, stats
from comporta.run import noted
from lakehouse import access, console, dbt, machine
from lakehouse.engines import catalog
from lakehouse.errors import CatalogError, ComportaError, LockError, ReadOnlyError
from lakehouse.machine import load
from lakehouse.redaction import first_line, redact
from lakehouse.servers import health, postgres, server, weed
from lakehouse.settings import OWN_STORE, Settings, open_to_others
from lakehouse.store import storage
from lakehouse.tables import released
from releases import glue, release

_STATUS_SECONDS = 20.0  # for an answer, of somebody who waits at a terminal
ELSEWHERE = {
    "discover": "ingestion.command:discover",
    "ingest": "ingestion.command:ingest",
    "reconcile": "ingestion.command:reconcile",
    "gate": "comporta.gate:gate",
    "requeue": "expectations.command:requeue",
    "suite": "expectations.command:suite",
    "diff": "inspection.command:diff",
    "why": "inspection.command:why",
    "dev": "workspaces.command:dev",
    "watch": "workspaces.command:watch",
    "diff-models": "workspaces.command:diff_models",
    "model": "workspaces.command:model",
    "seed": "samples.seed:seed",
}


class Commands(click.Group):
    """Our commands and those of other modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, name = ELSEWHERE[cmd_name].split(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found


@click.group(cls=Commands)
@click.option("--debug", is_flag=True, help="show stack traces")
def cli(debug: bool) -> None:
    """Comporta: PostgreSQL to gated Delta tables."""
    if line := open_to_others():
        console.warn(line)


cli.add_command(glue.command)


def main() -> None:
    """Run a command; a failure is one line on standard error and an exit code (see lakehouse/errors.py)."""
    access.begin()
    debug = "--debug" in sys.argv
    if broken := [word for word in sys.argv[1:] if not _is_text(word)]:
        _fail(f"{broken[0]}: is no text in {sys.getfilesystemencoding()}. Write it as such.", 2, debug)
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _fail(f"{error.format_message()} --help lists what there is.", error.exit_code, debug)
    except (click.Abort, KeyboardInterrupt):
        console.err.print("Interrupted; nothing is half written. Run it again to go on.")
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug must read as one
        _tell(error, debug)


def _is_text(word: str) -> bool:
    """Whether the word that was given, as bytes, was one of characters: half of one can't be stored or sent."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tell(error: Exception, debug: bool) -> None:
    if lost := _of_store(error):
        _fail(str(lost), lost.exit_code, debug)
    if isinstance(error, ComportaError):
        _fail(str(error), error.exit_code, debug)
    elif isinstance(error, OSError):
        _fail(_os_error(error), 5, debug)
    else:
        first = first_line(error, 400)
        _fail(f"{type(error).__name__}: {first} Run again with --debug for the stack trace.", 1, debug)


def _of_store(error: Exception) -> ComportaError | None:
    """What the store of a lake on S3 did, if that is what is behind the error."""
    try:
        settings = load()
    except ComportaError:
        return None
    if not storage.is_s3(settings.lake_url) or isinstance(error, LockError | CatalogError):
        return None
    from lakehouse.store import s3

    return s3.failure(settings, error)


def _os_error(error: OSError) -> str:
    if error.errno == 28:
        return f"{error.filename or 'disk'}: no space left. Free some room and run again: nothing is half written."
    if error.errno == 30:  # as the code in a container is
        checkout = "run this in a checkout that can be written, and build the image anew"
        return f"{error.filename or 'disk'}: {error.strerror}. If that is a container's own code: {checkout}."
    return f"{error.filename or type(error).__name__}: {error.strerror or error}."


def _fail(line: str, code: int, debug: bool) -> None:
    if debug:
        console.err.print(Text(redact(traceback.format_exc())))
    console.err.print(Text.assemble(("✗ ", "bold red"), line.replace("\n", "\\n")))
    sys.exit(code)


@cli.command()
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


@cli.command()
def down() -> None:
    """Stop the servers of this project, those of STORE=s3 too."""
    settings = load()
    beside = settings.model_copy(update={"var_dir": settings.var_dir / OWN_STORE})
    for each in (settings, beside):
        servers = {"Spark server": server.stop, "PostgreSQL": lambda own: postgres.of(own).stop(), "S3 server": weed.stop}
        for name, stop in servers.items():
            stopped = stop(each)
            if stopped or (each is settings and (stop is not weed.stop or each.store)):
                console.out.print(f"{name}: {'stopped' if stopped else 'was not running'}.")


@cli.command()
def status() -> None:
    """Say what runs, on which ports, and what is released."""
    _status(load())


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
    store = weed.running(settings)
    if settings.store or store:
        rows.append(("S3 server", _state(store), settings.s3_port, weed.log_file(settings)))
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


@cli.command("dbt")
@click.option("--layer", type=click.Choice(["silver", "gold"]), required=True)
def run_dbt(layer: str) -> None:
    """Run a layer's models into its candidate schema."""
    settings = load()
    machine.start(settings)
    with machine.writing(settings, f"dbt {layer}"):
        dbt.run(settings, layer)


@cli.command("release")
@click.option("--layer", type=click.Choice(catalog.LAYERS), required=True)
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


@cli.command()
def releases() -> None:
    """List releases; the current one of each layer is marked."""
    settings = load()
    found = released.history(settings)
    if not found:
        console.out.print("Nothing released yet. Run make run, or make release LAYER=silver after its gate.")
        return
    now = {layer: made.release_id for layer in catalog.LAYERS if (made := released.current(settings, layer))}
    rows = [
        (made.release_id, made.layer, made.kind, console.verdict(made.status), len(made.tables),
         "← readers see this" if now.get(made.layer) == made.release_id else made.note)
        for made in found
    ]  # fmt: skip
    console.table("", ("release", "layer", "kind", "state", "tables", ""), rows, numbers=("release", "tables"))


@cli.command()
@click.option("--release", "number", type=int, required=True)
def rollback(number: int) -> None:
    """Show readers an earlier release again."""
    settings = load()
    release.target_of(settings, number)  # before a server is started for nothing
    machine.start(settings)
    with machine.writing(settings, "rollback"), noted(settings, "rollback") as made_in:
        made = release.rollback(settings, number, made_in.run_id)
        console.out.print(f"Readers of {made.layer} see release {number} again (as release {made.release_id}).")
        glue.register(settings, made.layer)


@cli.command()
def run() -> None:
    """The whole way for SOURCE_DSN: ingest, gate, silver, gate, release, gold, gate, release, docs."""
    settings = load()
    started = time.monotonic()
    done = pipeline.run(settings)
    stats.show(settings, done, time.monotonic() - started)


@cli.command()
def demo() -> None:
    """The whole way with the sample shop on an embedded PostgreSQL."""
    settings = load()
    started = time.monotonic()
    done = pipeline.demo(settings)
    stats.show(settings, done, time.monotonic() - started)
    console.out.print("\nTry next:\n  make traffic demo   a business day happens; only what changed moves\n"
                      "  make docs           the site: can the numbers be trusted?\n  make sql            ask gold.rpt_daily_sales")  # fmt: skip


@cli.command()
@click.option("--days", default=1, show_default=True, type=click.IntRange(1, 1000))
def traffic(days: int) -> None:
    """Play business days on the sample shop."""
    pipeline.traffic(load(), days)


@cli.command()
def site() -> None:
    """Build the docs site."""
    settings = load()
    machine.start(settings)
    pipeline.build_site(settings)


@cli.command()
def docs() -> None:
    """Serve the docs site on loopback."""
    from docs_site import serve

    settings = load()
    serve.serve(settings)


@cli.command()
@click.option("-e", "--execute", help="run this statement and leave")
def sql(execute: str | None) -> None:
    """A SQL prompt on the Spark server."""
    from comporta import prompt

    settings = load()
    machine.start(settings)
    prompt.run(settings, execute)
