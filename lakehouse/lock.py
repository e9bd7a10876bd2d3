"""One writer at a time: a lock that names its holder and dies with it; on S3 also a lease, which other machines see."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lakehouse import lease, storage, weed
from lakehouse.errors import LockError
from lakehouse.lease import Lease
from lakehouse.settings import Settings

HELD = "COMPORTA_WRITES"  # in the environment of a child process: its parent holds the lock; on S3, the token of its lease
_FRESH = 5.0  # seconds for which a child believes what it has seen of its parent's lease
_leases: dict[str, Lease] = {}  # this process's, by lake
_verified: dict[str, float] = {}


@contextmanager
def writing(settings: Settings, what: str) -> Iterator[None]:
    """Hold the lake's write lock while `what` runs; it may be taken again by the same process.

    Raises:
        LockError: another process holds it; says which and since when. Or the lease of a lake on S3 was lost on the way.
        StorageError: the store of a lake on S3 can't be asked.
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
        with _leased(settings, what):
            yield
    finally:
        lock.release()


@contextmanager
def _leased(settings: Settings, what: str) -> Iterator[None]:
    if not storage.is_s3(settings.lake_url) or settings.lake_url in _leases:
        yield
        return
    weed.start(settings)
    held = lease.of(settings, lost=lambda: _stop_spark(settings))
    held.take(what)
    _leases[settings.lake_url] = held
    try:
        yield
    except Exception:
        held.check()  # what failed may have failed for that
        raise
    finally:
        del _leases[settings.lake_url]
        held.release()


def check(settings: Settings) -> None:
    """To be called before each step that writes: on S3, whoever lost the lease must not go on. Nothing happens where none was taken.

    Raises:
        LockError: the lease is no longer ours, or our parent's.
    """
    if not storage.is_s3(settings.lake_url):
        return
    if held := _leases.get(settings.lake_url):
        held.check()
    elif (token := os.environ.get(HELD, "1")) != "1" and time.monotonic() - _verified.get(token, -_FRESH) >= _FRESH:
        lease.verify(lease.Bucket(settings), token)
        _verified[token] = time.monotonic()


def for_child(settings: Settings) -> dict[str, str]:
    """What the environment of a child process must have that writes under our lock."""
    held = _leases.get(settings.lake_url)
    return {HELD: held.token if held else os.environ.get(HELD, "1")}


def _stop_spark(settings: Settings) -> None:
    """Whoever has the lease now writes through another driver: what ours still runs must not commit any more."""
    from lakehouse import server  # it needs much that a lock does not

    server.pid_file(settings).stop(patience=0)


def _describe(holder: Path) -> str:
    try:
        noted = json.loads(holder.read_text())
        return f"{noted['what']} (pid {noted['pid']}) since {noted['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
