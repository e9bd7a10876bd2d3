"""Whether a server runs, told to whoever can't see its process: the kernel keeps a lock of a file for as long as it lives.

Process ids mean nothing in another container, and a file with one outlives its process. A lock is seen wherever the file is, and the
kernel frees it however its holder ends.
"""

import fcntl
import os
import time
from pathlib import Path

from lakehouse.errors import ServerError

_SECONDS = 5.0  # whoever asks holds it for a moment


def hold(path: Path) -> int:
    """Lock `path` for the process that inherits the descriptor which this returns, and for as long as one has it open.

    Raises:
        ServerError: another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            time.sleep(0.1)
    os.close(handle)
    raise ServerError(str(path), "is locked by a server that runs", "none, since another one is to start", "Stop it first")


def held(path: Path) -> bool:
    """Whether somebody holds it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
