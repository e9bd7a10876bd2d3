"""What tells this machine, and a process on it, from others: by no clock, no number and no name that two may share."""

import os
from pathlib import Path

import psutil


def born(process: psutil.Process) -> float:
    """When the process began: seconds since the machine did. By no clock that anyone can set, where there is `/proc`.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    seen = process.create_time()  # what psutil makes of it and of the clock
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return seen
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def boot() -> str:
    """Which start of the machine this is; "" if unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def space() -> str:
    """Who sees the same process numbers; "" where the system does not say."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
