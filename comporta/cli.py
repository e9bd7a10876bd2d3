"""The command line. Commands are loaded by name when they are called: none waits for what another needs."""

import importlib
import sys
import traceback

import click
from rich.text import Text

from lakehouse import access, console
from lakehouse.errors import CatalogError, ComportaError, LockError
from lakehouse.redaction import first_line, redact
from lakehouse.settings import open_to_others

ELSEWHERE = {
    "up": "comporta.commands:up",
    "down": "comporta.commands:down",
    "status": "comporta.commands:status",
    "dbt": "comporta.commands:run_dbt",
    "release": "comporta.commands:make_release",
    "releases": "comporta.commands:releases",
    "rollback": "comporta.commands:rollback",
    "run": "comporta.commands:run",
    "demo": "comporta.commands:demo",
    "traffic": "comporta.commands:traffic",
    "site": "comporta.commands:site",
    "docs": "comporta.commands:docs",
    "sql": "comporta.commands:sql",
    "discover": "ingestion.command:discover",
    "ingest": "ingestion.command:ingest",
    "reconcile": "ingestion.command:reconcile",
    "gate": "comporta.gate:gate",
    "glue": "releases.glue:command",
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
    """Commands by their names."""

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
    from lakehouse.machine import load
    from lakehouse.store import s3, storage

    try:
        settings = load()
    except ComportaError:
        return None
    if not storage.is_s3(settings.lake_url) or isinstance(error, LockError | CatalogError):
        return None
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
