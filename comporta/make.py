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

_OFF = {"", "0", "n", "no", "false", "off"}
# What an environment may hold for somebody else, and would do harm here.
_ONLY_GIVEN = {"DEBUG", "YES"}
# Besides settings: what the Makefile itself asks for, or has a default for.
_ALSO = {"DEBUG", "PYTHON", "LAYER", "MODELS"}


def words(target: str, variables: Mapping[str, str], given: Iterable[str] = (), goals: Iterable[str] = ()) -> list[str]:
    """The command line of `target`.

    Args:
        variables: what each is set to, also those that mean nothing here.
        given: names of those that stand on make's command line.
        goals: the targets that stand there, which share them.

    Raises:
        SettingsError: a variable is misspelt, or one that the command can't do without is missing.
    """
    options = {_name(option): option for option in _options(target)}
    given = {*given}
    _refuse_misspelt(given, {target, *goals})
    variables = {name: value for name, value in variables.items() if name not in _ONLY_GIVEN or name in given}
    found = ["--debug"] if _is_on(variables.get("DEBUG", "")) else []
    found.append(target)
    for name, option in options.items():
        value = variables.get(name, "")
        if option.is_flag:
            found += [option.opts[-1]] if _is_on(value) else []
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


def _is_on(value: str) -> bool:
    return value.lower() not in _OFF


def _refuse_misspelt(given: set[str], goals: set[str]) -> None:
    """Refuse a name that no goal and no setting knows, and that is nearly one of theirs; others may be meant for whoever reads them."""
    if goals - {*PLACES, "env"}:  # tests and benchmarks have words of their own
        return
    known = {name.upper() for name in Settings.model_fields} | {_name(option) for goal in goals for option in _options(goal)}
    for name in sorted(name for name in given if name.upper() not in known | _ALSO):
        if near := difflib.get_close_matches(name.upper(), sorted(known), 1, 0.75):
            wanted = f"no option of {' or '.join(sorted(goals - {'env'}))} and no setting"
            raise SettingsError(name, f"is {wanted}", remedy=f"Did you mean {near[0]}?")


def run() -> None:
    """Be the command that the first argument names."""
    target = sys.argv[1]
    assert target in PLACES, target  # noqa: S101 - the Makefile names none but these (tests/cli/test_make_hostile.py)
    try:
        line = words(target, os.environ, *(os.environ.get(name, "").split() for name in ("MAKE_GIVEN", "MAKE_GOALS")))
    except SettingsError as error:
        fail(str(error), error.exit_code)
    main(line)


if __name__ == "__main__":
    from comporta.__main__ import begin

    begin()
    run()
