"""A lease on the lake: an object that one writer holds, whatever machine it is on, by S3's conditional writes alone.

Taken by `If-None-Match: *` or, where it is free or has run out, by `If-Match` of the very state that was seen to be so; renewed by
`If-Match`. Of any two who try at once, the store lets one. Whether it has run out is told by two times of the store itself (`Date`
and `Last-Modified` of one answer); how long the holder may go on, by how much time has passed on its own machine. No clock is compared
with another machine's.

A holder has two threads. One renews, and may hang as long as its request does. The other asks nobody for anything: it looks at the clock
and ends the hold when its time is over.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from lakehouse import console, host
from lakehouse.errors import LockError
from lakehouse.redaction import first_line
from lakehouse.settings import Settings
from lakehouse.store.lease_object import Bucket, Holder, LeaseObject, Store

TERM = 60.0  # seconds for which a lease holds that nobody renews
BEAT = 15.0  # seconds between renewals
# Seconds before its end from which on a holder no longer writes: a request that was sent before may still be on its way.
MARGIN = 20.0
_TICK = 1.0  # seconds between two looks at the clock: what waits does not notice that the machine slept meanwhile
_TRIES = 5  # at taking it while others change it


@dataclass(frozen=True)
class _Held:
    """Our own state of it."""

    holder: Holder
    etag: str
    until: float  # of `now`: from then on nothing is written


class Lease:
    """The lease of one store; `take` it, `check` it before each write, `release` it.

    Args:
        now: seconds that pass also while the machine sleeps.
        lost: called once when it is lost, in a thread that nothing else holds up. What it raises is told on standard error and by `check`.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._now, self._on_lost = store, now, lost
        self._held: _Held | None = None
        self._why = ""  # it is lost
        self._trouble = ""  # why the last renewal failed
        self._unheard = ""  # what went wrong in `lost`
        self._asking = threading.Lock()  # held while the store is asked
        self._state = threading.Lock()  # held for a moment only, whatever the store does
        self._stop, self._wake = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def token(self) -> str:
        """What names our hold on it; "" without one."""
        held = self._held
        return held.holder.token if held else ""

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
                self._begin(_Held(seen.holder, seen.etag, began + TERM - MARGIN))
                return
            if seen is not None and not _is_over(seen):
                raise _held_by(seen)
            mine = replace(mine, term=seen.holder.term + 1 if seen else 1)
            began = self._now()
            if etag := self._store.put(mine, seen.etag if seen else None):
                self._begin(_Held(mine, etag, began + TERM - MARGIN))
                return
        raise LockError("the lake", "is being taken by others at this moment", remedy="Run again")

    def _begin(self, held: _Held) -> None:
        self._held, self._why, self._trouble, self._unheard = held, "", "", ""
        self._stop.clear()
        self._wake.clear()
        # The one that watches first: without it nothing may be held.
        self._threads = [threading.Thread(target=each, name="lease", daemon=True) for each in (self._watch, self._beat)]
        for thread in self._threads:
            thread.start()

    def _watch(self) -> None:
        """End it when its time is over, or at once when it is lost otherwise, and tell so."""
        while (left := self._left()) > 0:
            if self._stop.is_set():
                return
            self._wake.wait(min(left, _TICK))
        try:
            self._on_lost()
        except BaseException as error:  # noqa: BLE001 - nobody else would hear of it
            self._unheard = f"{type(error).__name__}: {first_line(error)}"
            console.warn(f"The lake's lease was lost ({self._why}), and what had to follow failed: {self._unheard}")

    def _left(self) -> float:
        """Seconds for which it may still be written under it; from the first time that there are none, it is lost."""
        with self._state:
            if self._held is not None and not self._why and self._now() >= self._held.until:
                self._why = f"it could not be renewed in time{self._trouble}"
            return 0.0 if self._why else self._held.until - self._now() if self._held else _TICK

    def _beat(self) -> None:
        pause = BEAT
        while not self._stop.wait(pause) and not self._why:
            try:
                self.renew()
                pause, self._trouble = BEAT, ""
            except LockError:
                return
            # Whatever it is, the lease was not renewed, and may be yet: as long as its time allows, which another thread looks at.
            except BaseException as error:  # noqa: BLE001
                pause, self._trouble = BEAT / 5, f" ({type(error).__name__}: {first_line(error)})"

    def renew(self) -> None:
        """Renew it once; nothing happens where it is lost.

        Raises:
            LockError: somebody else has taken it.
            StorageError: the store can't be asked.
        """
        with self._asking:
            held = self._held
            if held is None or self._why:
                return
            began = self._now()
            fresh = replace(held.holder, beat=held.holder.beat + 1)
            if etag := self._store.put(fresh, held.etag):
                self._go_on(_Held(fresh, etag, began + TERM - MARGIN))
                return
            seen = self._store.look()
            if seen is None or seen.holder.token != fresh.token:
                self._lose(f"it was taken over by {seen.holder}" if seen else "its object was removed")
                raise self._is_lost()
            # Ours after all: the answer to an earlier attempt got lost. Since when it holds is not known, so this beat does not count.
            self._go_on(replace(held, holder=seen.holder, etag=seen.etag))

    def _go_on(self, held: _Held) -> None:
        """An answer that comes after the loss, or after we let go, changes nothing."""
        with self._state:
            if self._held is not None and not self._why:
                self._held = held

    def check(self) -> None:
        """Refuse to go on without it; waits for no request.

        Raises:
            LockError: it was lost.
        """
        if self._left() <= 0:
            self._wake.set()
            raise self._is_lost()

    def is_lost(self) -> bool:
        """Whether somebody else may have it by now."""
        return bool(self._why)

    def _lose(self, why: str) -> None:
        with self._state:
            self._why = self._why or why
        self._wake.set()

    def _is_lost(self) -> LockError:
        seen, remedy = f"the lease to write it was lost: {self._why}", "This command wrote nothing after that: run it again"
        if self._unheard:
            seen, remedy = (
                f"{seen}. What had to follow failed: {self._unheard}",
                "Stop the Spark server (make down), then run it again",
            )
        return LockError("the lake", seen, remedy=remedy)

    def release(self) -> None:
        """Let go of it; who has lost it has nothing to let go of, nor has a request that hangs, whose lease runs out by itself."""
        self._stop.set()
        self._wake.set()
        left = max(0.0, self._left())
        for thread, patience in zip(self._threads, (None, left), strict=False):  # of `lost`, and of a renewal under way
            if thread is not threading.current_thread():
                thread.join(patience)
        if self._asking.acquire(timeout=0):
            try:
                self._let_go()
            finally:
                self._asking.release()
        with self._state:
            self._held = None

    def _let_go(self) -> None:
        held = self._held
        if held is not None and not self._why:
            with suppress(Exception):  # then it runs out by itself
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


def _is_over(seen: LeaseObject) -> bool:
    """Whether nobody holds it: let go, run out, or a dead process of this very machine's."""
    return seen.holder.free or seen.age > TERM or _is_dead_here(seen.holder)


def _is_dead_here(holder: Holder) -> bool:
    if not holder.machine or holder.machine != _machine():
        return False
    try:
        process = psutil.Process(holder.pid)
        return host.born(process) != holder.born or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def _held_by(seen: LeaseObject) -> LockError:
    left = max(0.0, TERM - seen.age)
    return LockError(
        "the lake",
        f"is being written by {seen.holder}",
        remedy=f"Wait for it to end, then run again; if it is dead, its lease runs out in {left:.0f} s",
    )


def _myself(what: str) -> Holder:
    return Holder(
        token=uuid.uuid4().hex,
        what=what,
        host=socket.gethostname(),
        pid=os.getpid(),
        since=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        machine=_machine(),
        born=host.born(psutil.Process()),
    )


@cache
def _machine() -> str:
    """This machine since it was started, and who sees the same process numbers on it: not a host name, which two may share. "" if unknown."""
    try:
        # "since boot": of an earlier release, whose `born` is a time of the clock, nothing is concluded.
        return f"{host.boot()}/{Path('/proc/self/ns/pid').readlink()}/since boot" if host.boot() else ""
    except OSError:
        return ""


def of(settings: Settings, **said: Any) -> Lease:
    """The lease of the lake."""
    return Lease(Bucket(settings), **said)
