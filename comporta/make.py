"""`python -m comporta.make TARGET`, which the Makefile calls: a command, with make's variables as its options.

`make ingest TABLES=public.orders DRY_RUN=1` is `comporta ingest --tables=public.orders --dry-run`. So a new option needs no word in
the Makefile. What stands in a variable is one word, as it was typed.
"""

import difflib
import os
import sys
from collections.abc import Iterable, Mapping

import click

from comporta.cli import PLACES, cli, fail, main
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings

_OFF = {"", "0", "no", "false"}
# Besides settings: what other rules of the Makefile, or the programs that they call, ask for.
_ALSO = {"DEBUG", "PYTHON", "SSL_CERT_FILE", "PIP_CERT", "TZ", "DEV_SAMPLE", "JAVA_HOME"}


def words(target: str, variables: Mapping[str, str], given: Iterable[str] = ()) -> list[str]:
    """The command line of `target`.

    Args:
        variables: what each is set to, also those that mean nothing here.
        given: names of those that stand on make's command line: one of them that nobody asks for is a mistake.

    Raises:
        SettingsError: a variable is not known, or one that the command can't do without is missing.
    """
    options = {_name(option): option for option in _options(target)}
    given = {*given}
    _refuse_unknown(target, given, {*options})
    # Of an environment DEBUG may be meant for anybody.
    found = ["--debug"] if "DEBUG" in given and variables.get("DEBUG", "") not in _OFF else []
    found.append(target)
    for name, option in options.items():
        value = variables.get(name, "")
        if option.is_flag:
            found += [option.opts[-1]] if value not in _OFF else []
        elif value:
            found.append(f"{option.opts[-1]}={value}")
        elif option.required:
            example = option.metavar or "…"
            raise SettingsError(name, "is not given", str(option.help), f"Run make {target} {name}={example}")
    return found


def _options(target: str) -> list[click.Option]:
    command = cli.get_command(click.Context(cli), target)
    return [each for each in command.params if isinstance(each, click.Option)] if command else []


def _name(option: click.Option) -> str:
    return option.opts[-1].lstrip("-").replace("-", "_").upper()


def _refuse_unknown(target: str, given: set[str], options: set[str]) -> None:
    known = options | {name.upper() for name in Settings.model_fields} | _ALSO
    for name in sorted(given - known):
        near = difflib.get_close_matches(name.upper(), known, 1, 0.7)
        hint = f"Did you mean {near[0]}?" if near else f"comporta {target} --help has the options, docs/reference.md the settings"
        raise SettingsError(name, f"is no option of {target} and no setting", remedy=hint)


def run() -> None:
    """Be the command that the first argument names."""
    target = sys.argv[1]
    assert target in PLACES, target  # noqa: S101 - the Makefile names none but these (tests/cli/test_make_hostile.py)
    try:
        line = words(target, os.environ, os.environ.get("MAKE_GIVEN", "").split())
    except SettingsError as error:
        fail(str(error), error.exit_code)
    main(line)


if __name__ == "__main__":
    from comporta.__main__ import begin

    begin()
    run()
