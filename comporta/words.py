"""`python -m comporta.words TESTS pytest -x`: a module, or a file of Python, with arguments and after them the words of a variable.

The words are split as a shell would split them, quotes and patterns of file names included, but nothing in them is run.
"""

import os
import shlex
import sys
from glob import glob

from lakehouse.errors import SettingsError


def words(name: str, text: str) -> list[str]:
    """The words of `text`, which is the value of the variable `name`.

    Raises:
        SettingsError: a quote is not closed.
    """
    try:
        found = shlex.split(text)
    except ValueError as error:
        raise SettingsError(
            name, f"is {text!r}: {error}", "words, as a shell has them", f"make … {name}='tests/unit -k lease'"
        ) from None
    return [each for word in found for each in sorted(glob(word)) or [word]]  # noqa: PTH207 - Path refuses absolute patterns


def main(name: str, program: str, *arguments: str) -> None:
    """Become `program`, with `arguments` and the words of the variable `name`."""
    try:
        more = words(name, os.environ.get(name, ""))
    except SettingsError as error:
        sys.stderr.write(f"✗ {error}\n")
        sys.exit(error.exit_code)
    started = [program] if program.endswith(".py") else ["-m", program]
    os.execv(sys.executable, [sys.executable, "-W", "ignore", *started, *arguments, *more])


if __name__ == "__main__":
    main(*sys.argv[1:])
