"""A lease on the lake: an object that one writer holds, whatever machine it is on, by S3's conditional writes alone.

Taken by `If-None-Match: *` or, where it is free or has run out, by `If-Match` of the very state that was seen to be so; renewed by
`If-Match`. Of any two who try at once, the store lets one. Whether it has run out is told by two times of the store itself (`Date`
and `Last-Modified` of one answer); how long the holder may go on, by how much time has passed on its own machine. No clock is compared
with another machine's.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import psutil

from lakehouse import s3, storage
from lakehouse.errors import LockError, StorageError
from lakehouse.settings import Settings

TERM = 60.0  # seconds for which a lease holds that nobody renews
BEAT = 15.0  # seconds between renewals
# Seconds before its end from which on a holder no longer writes: a request that was sent before may still be on its way.
MARGIN = 20.0
_TRIES = 5  # at taking it while others change it


@dataclass(frozen=True)
class Holder:
    """Who holds it. `term` counts its holders; `beat` their renewals."""

    token: str
    what: str
    host: str
    pid: int
    since: str
    machine: str = ""
    born: float = 0.0
    term: int = 0
    beat: int = 0
    free: bool = False

    def __str__(self) -> str:
        return f"{self.what} (pid {self.pid} on {self.host}) since {self.since}"


@dataclass(frozen=True)
class Seen:
    """The object as the store has it, and for how many seconds, by the store's own time."""

    holder: Holder
    etag: str
    age: float


class Store(Protocol):
    """The one object."""

    def look(self) -> Seen | None:
        """What is there; None if nothing is."""

    def put(self, holder: Holder, etag: str | None) -> str | None:
        """Write it if it is still `etag` (None: if it is not there); the new etag, None if it was something else."""


class Bucket:
    """The object in the lake's bucket."""

    def __init__(self, settings: Settings) -> None:
        self.url = storage.join(settings.lake_url, "_lease", "writing.json")
        self._bucket, self._key = s3.split(self.url)
        self._settings, self._client = settings, s3.client(settings, attempts=2, patience=5)

    def look(self) -> Seen | None:
        """See `Store`."""
        try:
            said = self._client.get_object(Bucket=self._bucket, Key=self._key)
            text = said["Body"].read()
        except Exception as error:
            if s3.status(error) == 404:
                return None
            raise self._lost(error) from None
        now = parsedate_to_datetime(said["ResponseMetadata"]["HTTPHeaders"]["date"])
        try:
            holder = Holder(**json.loads(text))
        except (ValueError, TypeError):
            raise StorageError(self.url, "is no lease", "an object that Comporta wrote", "Move it away and run again") from None
        return Seen(holder, said["ETag"], (now - said["LastModified"]).total_seconds())

    def put(self, holder: Holder, etag: str | None) -> str | None:
        """See `Store`."""
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        body = json.dumps(asdict(holder)).encode()
        try:
            said = self._client.put_object(
                Bucket=self._bucket, Key=self._key, Body=body, ContentType="application/json", **condition
            )
        except Exception as error:
            if s3.status(error) in (404, 409, 412):  # gone, being changed right now, changed
                return None
            raise self._lost(error) from None
        return str(said["ETag"])

    def _lost(self, error: Exception) -> Exception:
        return s3.failure(self._settings, error) or error


@dataclass
class _Held:
    """Our own state of it."""

    holder: Holder
    etag: str
    until: float  # of `now`: from then on nothing is written


class Lease:
    """The lease of one store; `take` it, `check` it before each write, `release` it.

    Args:
        now: seconds that pass also while the machine sleeps.
        lost: called once, in the renewing thread, when it is lost.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._now, self._on_lost = store, now, lost
        self._held: _Held | None = None
        self._why = ""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def token(self) -> str:
        """What names our hold on it; "" without one."""
        return self._held.holder.token if self._held else ""

    def take(self, what: str) -> None:
        """Take it and renew it from now on.

        Raises:
            LockError: somebody else holds it; says who and since when.
            StorageError: the store can't be asked.
        """
        mine, began = _myself(what), self._now()
        for _ in range(_TRIES):
            seen = self._store.look()
            if seen is not None and seen.holder.token == mine.token:  # it holds since the attempt whose answer got lost
                self._begin(seen.holder, seen.etag, began)
                return
            if seen is not None and not _is_over(seen):
                raise _held_by(seen)
            mine = replace(mine, term=seen.holder.term + 1 if seen else 1)
            began = self._now()
            if etag := self._store.put(mine, seen.etag if seen else None):
                self._begin(mine, etag, began)
                return
        raise LockError("the lake", "is being taken by others at this moment", remedy="Run again")

    def _begin(self, holder: Holder, etag: str, began: float) -> None:
        self._held, self._why = _Held(holder, etag, began + TERM - MARGIN), ""
        self._stop.clear()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        pause = BEAT
        while not self._stop.wait(pause):
            try:
                self.renew()
                pause = BEAT
            except StorageError:
                pause = BEAT / 5  # the store is away: as long as the term allows
            except LockError:
                break
            if self._held and self._now() >= self._held.until:
                self._lose("it could not be renewed in time")
                break
        if self._why:
            self._on_lost()

    def renew(self) -> None:
        """Renew it once.

        Raises:
            LockError: somebody else has taken it.
            StorageError: the store can't be asked.
        """
        with self._lock:
            if self._held is None:
                return
            began = self._now()
            fresh = replace(self._held.holder, beat=self._held.holder.beat + 1)
            etag = self._store.put(fresh, self._held.etag)
            if etag is None:
                seen = self._store.look()
                if seen is None or seen.holder.token != fresh.token:
                    self._lose(f"it was taken over by {seen.holder}" if seen else "its object was removed")
                    raise self._is_lost()
                # Ours after all: the answer to an earlier attempt got lost. Since when it holds is not known, so this beat does not count.
                self._held = replace(self._held, holder=seen.holder, etag=seen.etag)
                return
            self._held = _Held(fresh, etag, began + TERM - MARGIN)

    def check(self) -> None:
        """Refuse to go on without it.

        Raises:
            LockError: it was lost.
        """
        if self._held is not None and not self._why and self._now() >= self._held.until:
            self._lose("it could not be renewed in time")
        if self._why:
            raise self._is_lost()

    def is_lost(self) -> bool:
        """Whether somebody else may have it by now."""
        return bool(self._why)

    def _lose(self, why: str) -> None:
        self._why = self._why or why

    def _is_lost(self) -> LockError:
        return LockError(
            "the lake", f"the lease to write it was lost: {self._why}", remedy="This command wrote nothing after that: run it again"
        )

    def release(self) -> None:
        """Let go of it; who has lost it has nothing to let go of."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        with self._lock:
            held, self._held = self._held, None
            if held is not None and not self._why:
                with suppress(StorageError):  # then it runs out by itself
                    self._store.put(replace(held.holder, free=True), held.etag)


def verify(store: Store, token: str) -> None:
    """Refuse to go on unless the hold that `token` names, another process's, is good for `MARGIN` seconds more.

    Raises:
        LockError: it is not.
    """
    seen = store.look()
    if seen is None or seen.holder.token != token or seen.holder.free:
        who = f"it was taken over by {seen.holder}" if seen and seen.holder.token != token else "it is free"
        raise LockError("the lake", f"the lease to write it was lost: {who}", remedy="Nothing was written after that: run again")
    if seen.age >= TERM - MARGIN:
        raise LockError("the lake", f"the lease to write it was not renewed for {seen.age:.0f} s", remedy="Run again")


def _is_over(seen: Seen) -> bool:
    """Whether nobody holds it: let go, run out, or a dead process of this very machine's."""
    return seen.holder.free or seen.age > TERM or _is_dead_here(seen.holder)


def _is_dead_here(holder: Holder) -> bool:
    if not holder.machine or holder.machine != _machine():
        return False
    try:
        process = psutil.Process(holder.pid)
        return abs(process.create_time() - holder.born) > 1 or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def _held_by(seen: Seen) -> LockError:
    left = max(0.0, TERM - seen.age)
    return LockError(
        "the lake",
        f"is being written by {seen.holder}",
        remedy=f"Wait for it to end, then run again; if it is dead, its lease runs out in {left:.0f} s",
    )


def _myself(what: str) -> Holder:
    return Holder(
        uuid.uuid4().hex, what, socket.gethostname(), os.getpid(), f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC", _machine(),
        psutil.Process().create_time(),
    )  # fmt: skip


@cache
def _machine() -> str:
    """This machine since it was started, and who sees the same process numbers on it: not a host name, which two may share. "" if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def of(settings: Settings, **said: Any) -> Lease:
    """The lease of the lake."""
    return Lease(Bucket(settings), **said)
