"""The Makefile's targets that are no commands of ours (tests, linters, benchmarks, locks): `comporta test` is `make test`."""

import os
import re
import sys
from functools import lru_cache

import click

from lakehouse.settings import ROOT

_MAKEFILE = ROOT / "Makefile"
_TARGET = re.compile(r"^([a-z-]+):.*?## (.*)$", re.MULTILINE)


@lru_cache(maxsize=1)
def targets() -> dict[str, str]:
    """Target to what it does, of those that the Makefile does not hand on to a command; none where there is no Makefile."""
    if not _MAKEFILE.is_file():
        return {}
    text = _MAKEFILE.read_text(encoding="utf-8")
    told = re.search(r"^COMMANDS := (.*)$", text, re.MULTILINE)
    if told is None:  # somebody else's
        return {}
    handed = set(told[1].split())
    return {name: re.split(r" \(|; |, TIMES", said)[0] for name, said in _TARGET.findall(text) if name not in handed | {"help"}}


def command(name: str) -> click.Command | None:
    """The target as a command, which takes make's own words: `comporta test TESTS=tests/unit`."""
    if name not in targets():
        return None

    def run(words: tuple[str, ...]) -> None:
        if bare := [word for word in words if "=" not in word]:
            raise click.UsageError(f"{bare[0]!r} is no NAME=value, which is what make takes: comporta {name} TESTS={bare[0]}")
        sys.stdout.flush()
        os.execvp("make", ["make", "-C", str(ROOT), "--no-print-directory", name, *words])

    given = click.Argument(["words"], nargs=-1, metavar="[NAME=VALUE]...")
    return click.Command(name, callback=run, params=[given], help=f"{targets()[name]}. This is `make {name}`.")
