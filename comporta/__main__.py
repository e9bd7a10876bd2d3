"""`comporta …`, and `python -m comporta …`."""

import os
import sys
import warnings


def start() -> None:
    """Run the command line, in UTF-8."""
    begin()
    from comporta.cli import main

    main()


def begin() -> None:
    """Have files, their names and what other programs say be UTF-8, whatever the locale: here, and in every Python started from here."""
    os.environ["PYTHONUTF8"] = "1"
    if not sys.flags.utf8_mode and sys.getfilesystemencoding() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries, to whoever wrote them
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # where an environment has no ✓, or not all names


if __name__ == "__main__":
    start()
