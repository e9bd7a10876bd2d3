"""`python -m comporta …`, which the Makefile calls."""

import os
import sys

if __name__ == "__main__":
    # Files, their names and what other programs say are UTF-8, whatever the locale: here, and in every Python started from here.
    os.environ["PYTHONUTF8"] = "1"
    if not sys.flags.utf8_mode and sys.getfilesystemencoding() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # where an environment has no ✓, or not all names

    from comporta.cli import main

    main()
