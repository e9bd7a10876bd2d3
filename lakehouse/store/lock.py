"""One writer at a time: a lock that names its holder and dies with it, beside this machine's state and in the lake; on S3 a lease.

A folder lake may be written with more than one VAR_DIR: only a lock that lies in it is seen by all of them.
"""

import errno
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lakehouse import access
from lakehouse.errors import LockError, ReadOnlyError, StorageError
from lakehouse.settings import Settings
from lakehouse.store import lease, storage
from lakehouse.store.lease import Lease
from lakehouse.store.lease_object import Bucket

HELD = "COMPORTA_WRITES"  # in the environment of a child process: its parent holds the lock; on S3, the token of its lease
FOLDER = "_lease"  # of a lake: who writes it
_FRESH = 5.0  # seconds for which a child believes what it has seen of its parent's lease
_leases: dict[str, Lease] = {}  # this process's, by lake
_verified: dict[str, float] = {}


@contextmanager
def writing(settings: Settings, what: str, lost: Callable[[], None]) -> Iterator[None]:
    """Hold the lake's write lock while `what` runs; it may be taken again by the same process, also with another VAR_DIR.

    Args:
        lost: called when the lease of a lake on S3 is lost on the way: nothing that we started may commit after it.

    Raises:
        LockError: another process holds it; says which and since when. Or the lease of a lake on S3 was lost on the way.
        ReadOnlyError: the lake's folder may be read only.
        StorageError: the store of a lake on S3 can't be asked, or the folder's file system knows no locks.
    """
    access.close(settings.var_dir)
    with ExitStack() as held:
        for folder in _folders(settings):
            held.enter_context(_locked(folder, what))
        held.enter_context(_leased(settings, what, lost))
        yield


def _folders(settings: Settings) -> list[Path]:
    """Where a lock lies: beside the catalog, which is VAR_DIR's, and in each folder that tables live in."""
    places = [] if storage.is_s3(settings.lake_url) else sorted(settings.places)
    return [settings.var_dir / "run", *(Path(place) / FOLDER for place in places)]


@contextmanager
def _locked(folder: Path, what: str) -> Iterator[None]:
    lock, holder = _acquired(folder), folder / "writing.json"
    try:
        if lock.lock_counter == 1:
            noted = {"pid": os.getpid(), "host": socket.gethostname(), "what": what}
            holder.write_text(json.dumps(noted | {"since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"}))
        yield
    finally:
        lock.release()


def _acquired(folder: Path) -> FileLock:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "writing.lock", is_singleton=True)
        lock.acquire(timeout=0)  # the kernel frees it when its holder dies, however it dies
    except Timeout:
        raise LockError(
            "the lake", f"is being written by {_describe(folder / 'writing.json')}", remedy="Wait for it to end, then run again"
        ) from None
    except OSError as error:
        kind = ReadOnlyError if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else StorageError
        seen, wanted = f"can't be locked: {error.strerror or error}", "a folder that may be written, where the kernel's locks work"
        raise kind(str(folder), seen, wanted, "Set LAKE_URL") from None
    return lock


@contextmanager
def _leased(settings: Settings, what: str, lost: Callable[[], None]) -> Iterator[None]:
    if not storage.is_s3(settings.lake_url) or settings.lake_url in _leases:
        yield
        return
    held = lease.of(settings, lost=lost)
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
        lease.verify(Bucket(settings), token)
        _verified[token] = time.monotonic()


def for_child(settings: Settings) -> dict[str, str]:
    """What the environment of a child process must have that writes under our lock."""
    held = _leases.get(settings.lake_url)
    return {HELD: held.token if held else os.environ.get(HELD, "1")}


def _describe(holder: Path) -> str:
    try:
        noted = json.loads(holder.read_bytes())
        elsewhere = f" on {noted['host']}" if noted.get("host", socket.gethostname()) != socket.gethostname() else ""
        return f"{noted['what']} (pid {noted['pid']}{elsewhere}) since {noted['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
