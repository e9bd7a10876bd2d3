"""A Chromium for the browser tests: the machine's own, else one from npm that needs neither root nor apt.

The npm package was made for AWS Lambda: it brings a headless Chromium for x86-64 Linux, the libraries that a bare
system lacks, and a font. Node.js comes as a wheel, so that Python is all a machine has to have.
"""

import os
import shutil
from pathlib import Path

from lakehouse.errors import ServerError
from tests.browser import npm

ARGS = (
    "--no-sandbox",  # the sandbox wants user namespaces, which containers often refuse; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_LAUNCHER = """#!/bin/sh
here=$(dirname "$0")
export LD_LIBRARY_PATH="$here/al2023/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export FONTCONFIG_FILE="$here/fonts.conf"
exec "$here/chromium" "$@"
"""
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/font-cache</cachedir></fontconfig>
"""


def find_chromium(cache: Path = npm.CACHE) -> Path:
    """A Chromium that starts: CHROMIUM, else one on PATH or in /usr/bin, else the one from npm, installed once.

    `CHROMIUM=npm` takes the one from npm even where the machine has its own.

    Raises:
        ServerError: CHROMIUM names no file, or the one from npm can't be installed or does not start.
    """
    chosen = os.environ.get("CHROMIUM", "")
    if chosen and chosen != "npm":
        if not os.access(chosen, os.X_OK):
            raise ServerError("CHROMIUM", f"is {chosen!r}", "an executable, or npm", "Unset it to have one found")
        return Path(chosen)
    return (None if chosen else _own()) or _from_npm(cache)


def _own() -> Path | None:
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin"])
    found = (shutil.which(name, path=search) for name in _NAMES)
    return next((Path(path) for path in found if path), None)


def _from_npm(cache: Path) -> Path:
    return npm.installed("chromium", cache, "launch", _install) / "launch"


def _install(work: Path, unpacked: Path, home: Path) -> None:
    npm.node(work, unpacked, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    npm.node(work, unpacked, "node", "unpack.mjs")  # the package unpacks to TMPDIR
    (unpacked / "fonts.conf").write_text(_FONTS.format(folder=home))
    (unpacked / "launch").write_text(_LAUNCHER)
    (unpacked / "launch").chmod(0o755)
    npm.run([str(unpacked / "launch"), "--version"], work, "Chromium does not start")
