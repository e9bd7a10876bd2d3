"""One writer at a time: a lock that names its holder and dies with it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lakehouse.errors import LockError
from lakehouse.settings import Settings

HELD = "COMPORTA_WRITES"  # in the environment of a child process: its parent holds the lock


@contextmanager
def writing(settings: Settings, what: str) -> Iterator[None]:
    """Hold the lake's write lock while `what` runs; it may be taken again by the same process.

    Raises:
        LockError: another process holds it; says which and since when.
    """
    folder = settings.var_dir / "run"
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "writing.json"
    lock = FileLock(folder / "writing.lock", is_singleton=True)
    try:
        lock.acquire(timeout=0)  # the kernel frees it when its holder dies, however it dies
    except Timeout:
        raise LockError(
            "the lake", f"is being written by {_describe(holder)}", remedy="Wait for it to end, then run again"
        ) from None
    try:
        if lock.lock_counter == 1:
            holder.write_text(json.dumps({"pid": os.getpid(), "what": what, "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"}))
        yield
    finally:
        lock.release()


def _describe(holder: Path) -> str:
    try:
        noted = json.loads(holder.read_text())
        return f"{noted['what']} (pid {noted['pid']}) since {noted['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
