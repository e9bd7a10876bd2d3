"""The command line. Commands are loaded by name when they are called: none waits for what another needs."""

import difflib
import importlib
import sys
import traceback
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import click
from click.shell_completion import CompletionItem
from rich.text import Text

from comporta import checkout
from lakehouse import access, console, env_file, settings
from lakehouse.errors import CatalogError, ComportaError, LockError
from lakehouse.redaction import first_line, redact


class Place(NamedTuple):
    """Where a command stands, and its help in a line, which is to be had without loading it."""

    where: str
    help: str


# What people want, and the commands for it.
GROUPS: dict[str, dict[str, Place]] = {
    "Try it": {
        "demo": Place("comporta.commands:demo", "The whole way with a sample shop, from nothing"),
        "traffic": Place("comporta.commands:traffic", "Play business days on the sample shop"),
        "seed": Place("samples.seed:seed", "Put the sample shop, a dump or CSV files into a PostgreSQL"),
    },
    "Every day": {
        "run": Place("comporta.commands:run", "The whole way: ingest, gates, models, releases, site"),
        "status": Place("comporta.commands:status", "What runs, on which ports, and what is released"),
        "docs": Place("comporta.commands:docs", "Serve the docs site on loopback"),
        "sql": Place("comporta.commands:sql", "A SQL prompt, or one statement"),
        "up": Place("comporta.commands:up", "Start the Spark server"),
        "down": Place("comporta.commands:down", "Stop all servers of this project"),
    },
    "Sources to bronze": {
        "discover": Place("ingestion.command:discover", "List what the sources hold and draft sources.yml"),
        "ingest": Place("ingestion.command:ingest", "Copy what changed in the sources to bronze"),
        "reconcile": Place("ingestion.command:reconcile", "Compare the sources and bronze, by count and checksum"),
        "upload": Place("ingestion.upload:upload", "Put files into the RAW zone, never over another content"),
    },
    "Models": {
        "dev": Place("workspaces.command:dev", "Schemas of your own for dbt to build in"),
        "watch": Place("workspaces.command:watch", "Build each model that you save, and show its rows"),
        "model": Place("workspaces.command:model", "Draft a new model with its contract, tests and suite"),
        "diff-models": Place("workspaces.command:diff_models", "What the models that you have built would change"),
        "silver": Place("comporta.commands:silver", "Build silver's models into silver_candidate"),
        "gold": Place("comporta.commands:gold", "Build gold's models into gold_candidate"),
    },
    "Gates": {
        "gate": Place("comporta.gate:gate", "Judge a layer by its suites"),
        "suite": Place("expectations.command:suite", "Draft the suite of a table from its rows"),
        "requeue": Place("expectations.command:requeue", "Let rows out of quarantine"),
    },
    "Releases": {
        "release": Place("comporta.commands:make_release", "Show readers a layer that has passed its gate"),
        "releases": Place("comporta.commands:releases", "What was released when, and what readers see"),
        "rollback": Place("comporta.commands:rollback", "Show readers an earlier release again"),
        "diff": Place("inspection.command:diff", "What readers see otherwise in one release than in another"),
        "why": Place("inspection.command:why", "Where one row comes from, or what became of it"),
        "site": Place("comporta.commands:site", "Build the docs site"),
        "glue": Place("releases.glue:command", "Register in Glue what is released, for Athena"),
    },
    "This checkout": {
        "clean": Place("comporta.commands:clean", "Stop the servers and remove the lake (asks first)"),
        "completion": Place("comporta.completion:completion", "Complete commands and options in bash, zsh or fish"),
    },
}
# What has a shorter word: a stage that Step Functions runs by itself, and make's own.
HIDDEN = {
    "dbt": Place("comporta.commands:run_dbt", "Run a layer's models into its candidate schema"),
    "help": Place("comporta.completion:show_help", "What each command does"),
}
_WITHOUT_SETTINGS = {"help", "completion", "down"}  # and what is wanted most when something is wrong
PLACES = {name: place for group in GROUPS.values() for name, place in group.items()}


class Commands(click.Group):
    """Commands by their names, each loaded when it is called; in a checkout the Makefile's other targets too."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *PLACES, *checkout.targets()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if place := (PLACES | HIDDEN).get(cmd_name):
            module, name = place.where.split(":")
            found: click.Command = getattr(importlib.import_module(module), name)
            return found
        return super().get_command(ctx, cmd_name) or checkout.command(cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's; a name that there is not leads to the nearest."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1, 0.6)
            ctx.fail(f"There is no command {args[0]!r}.{f' Did you mean {near[0]}?' if near else ''}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by what people want."""
        more = {"Working on Comporta itself": [(name, said) for name, said in checkout.targets().items()]}
        told = {title: [(name, place.help) for name, place in group.items()] for title, group in GROUPS.items()} | more
        wide = max(len(name) for rows in told.values() for name, _ in rows)
        for title, rows in told.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl([(name.ljust(wide), said) for name, said in rows])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names that begin so, without loading a command."""
        told = {name: place.help for name, place in PLACES.items()} | checkout.targets()
        return [CompletionItem(name, help=said) for name, said in told.items() if name.startswith(incomplete)]


@click.group(cls=Commands, context_settings={"max_content_width": 120})
@click.option("--debug", is_flag=True, help="show stack traces")
@click.version_option(package_name="comporta", message="%(package)s %(version)s")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Comporta: PostgreSQL to gated Delta tables.

    `comporta COMMAND --help` has the options. In a checkout `make COMMAND` does the same, with options as variables: `make ingest
    TABLES=public.orders DRY_RUN=1` is `comporta ingest --tables public.orders --dry-run`.
    """
    if line := settings.open_to_others():
        console.warn(line)
    asked = context.invoked_subcommand
    if asked in _WITHOUT_SETTINGS or asked in checkout.targets() or "--help" in (context.obj or ()):
        return
    known = {name.upper() for name in settings.Settings.model_fields}
    env_file.refuse_unknown(settings.path(), known, _asked_by_sources)


def _asked_by_sources() -> set[str]:
    from ingestion.sources import config  # half a second: not paid where .env holds settings alone

    return config.variables()


def main(words: Sequence[str] | None = None) -> None:
    """Run a command; a failure is one line on standard error and an exit code (see lakehouse/errors.py).

    Args:
        words: of the command line; by default those of this process.
    """
    access.begin()
    given = sys.argv[1:] if words is None else [*words]
    debug = "--debug" in given
    if broken := [word for word in given if not _is_text(word)]:
        fail(f"{broken[0]}: is no text in {sys.getfilesystemencoding()}. Write it as such.", 2, debug)
    try:
        cli.main(given, prog_name="comporta", standalone_mode=False, obj=given)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        fail(f"{error.format_message()} --help lists what there is.", error.exit_code, debug)
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
        fail(str(lost), lost.exit_code, debug)
    if isinstance(error, ComportaError):
        fail(str(error), error.exit_code, debug)
    elif isinstance(error, OSError):
        fail(_os_error(error), 5, debug)
    else:
        first = first_line(error, 400)
        fail(f"{type(error).__name__}: {first} Run again with --debug for the stack trace.", 1, debug)


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


def fail(line: str, code: int, debug: bool = False) -> NoReturn:
    """End with a line on standard error and an exit code, the stack trace before it if asked for."""
    if debug:
        console.err.print(Text(redact(traceback.format_exc())))
    console.err.print(Text.assemble(("✗ ", "bold red"), line.replace("\n", "\\n")))
    sys.exit(code)
