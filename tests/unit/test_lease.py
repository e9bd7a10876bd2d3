"""The lease without a store: who may take it, how long a holder may go on, and what lost answers do to it."""

import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import psutil
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from lakehouse.errors import LockError, StorageError
from lakehouse.settings import Settings
from lakehouse.store import lease, s3
from lakehouse.store.lease import BEAT, MARGIN, TERM, Holder, Lease
from lakehouse.store.lease_object import Bucket, LeaseObject


class FakeStore:
    """An object with an etag; its time is its own."""

    def __init__(self) -> None:
        self.now, self.held, self.etag, self.at = 1000.0, None, 0, 0.0
        self.away = False
        self.loses_answers = 0
        self.before_put = lambda: None

    def look(self) -> LeaseObject | None:
        if self.away:
            raise StorageError("the store", "is away")
        return LeaseObject(self.held, str(self.etag), self.now - self.at) if self.held else None

    def put(self, holder: Holder, etag: str | None) -> str | None:
        if self.away:
            raise StorageError("the store", "is away")
        self.before_put()
        if etag != (str(self.etag) if self.held else None):
            return None
        self.held, self.etag, self.at = holder, self.etag + 1, self.now
        if self.loses_answers:
            self.loses_answers -= 1
            return None  # as the second attempt of a client sees it, whose first one was carried out
        return str(self.etag)


class Clock:
    """A holder's own time."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    monkeypatch.setattr(lease, "BEAT", 3600.0)  # the tests renew by hand
    return FakeStore()


def elsewhere(store: FakeStore) -> None:
    """Make the holder one of another machine, so that only time says whether it lives."""
    assert store.held is not None
    store.held = replace(store.held, machine="another", host="db7", pid=77)


def test_the_second_is_refused_and_told_who_holds_it(store: FakeStore) -> None:
    first = Lease(store)
    first.take("ingest")
    elsewhere(store)
    with pytest.raises(LockError, match=r"being written by ingest \(pid 77 on db7\) since .* UTC.*runs out in 60 s"):
        Lease(store).take("dbt")
    first.release()


def test_who_lets_go_leaves_it_to_the_next_with_a_higher_term(store: FakeStore) -> None:
    terms = []
    for what in ("one", "two", "three"):
        held = Lease(store)
        held.take(what)
        terms.append(store.held.term)
        held.release()
        assert store.held.free
    assert terms == [1, 2, 3]


@pytest.mark.parametrize(("age", "taken"), [(TERM - 1, False), (TERM, False), (TERM + 1, True)])
def test_a_dead_holders_lease_runs_out_by_the_stores_time(store: FakeStore, age: float, taken: bool) -> None:
    Lease(store).take("a run that is killed")
    elsewhere(store)
    store.now += age
    if taken:
        Lease(store).take("the next")
        assert (store.held.what, store.held.term) == ("the next", 2)
    else:
        with pytest.raises(LockError):
            Lease(store).take("the next")


def test_a_dead_holder_on_this_machine_need_not_be_waited_for(store: FakeStore) -> None:
    Lease(store).take("a run that is killed")
    store.held = replace(store.held, born=store.held.born - 1000)  # its number is another process's by now
    Lease(store).take("the next")
    assert store.held.what == "the next"


def test_a_living_holder_on_this_machine_is_waited_for(store: FakeStore) -> None:
    Lease(store).take("one")
    with pytest.raises(LockError):
        Lease(store).take("two")


def test_a_clock_that_was_set_makes_no_holder_dead(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    Lease(store).take("one")
    known = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: known(self) + 3600)  # as psutil reckons it from the clock
    with pytest.raises(LockError):
        Lease(store).take("two")


def test_of_two_who_see_it_free_one_wins(store: FakeStore) -> None:
    other = Lease(store)

    def cuts_in() -> None:
        store.before_put = lambda: None
        other.take("quicker")
        elsewhere(store)

    store.before_put = cuts_in
    with pytest.raises(LockError, match="quicker"):
        Lease(store).take("slower")


def test_an_answer_that_gets_lost_on_taking_is_found_in_the_store(store: FakeStore) -> None:
    store.loses_answers = 1
    held = Lease(store)
    held.take("ingest")
    held.check()
    assert store.held.term == 1
    held.release()
    assert store.held.free


def test_an_answer_that_gets_lost_on_renewing_loses_nothing(store: FakeStore) -> None:
    clock = Clock()
    held = Lease(store, clock)
    held.take("ingest")
    clock.now += BEAT
    store.loses_answers = 1
    held.renew()
    held.check()
    clock.now += BEAT
    held.renew()
    clock.now += TERM - MARGIN - 1
    held.check()  # the second renewal counted
    held.release()


def test_a_holder_that_can_not_renew_stops_before_its_term_ends(store: FakeStore) -> None:
    clock = Clock()
    held = Lease(store, clock)
    held.take("ingest")
    store.away = True
    with pytest.raises(StorageError):
        held.renew()
    clock.now += TERM - MARGIN - 0.1
    held.check()
    clock.now += 0.1
    with pytest.raises(LockError, match="could not be renewed in time.*run it again"):
        held.check()
    store.away = False
    held.renew()
    with pytest.raises(LockError):  # who has stopped does not go on
        held.check()


def test_a_holder_that_slept_finds_it_taken_over(store: FakeStore) -> None:
    told = []
    held = Lease(store, Clock(), lost=lambda: told.append(True))
    held.take("sleeper")
    elsewhere(store)
    store.now += TERM + 1
    Lease(store).take("the next")
    with pytest.raises(LockError, match="taken over by the next"):
        held.renew()
    with pytest.raises(LockError):
        held.check()
    held.release()
    assert store.held.what == "the next" and not store.held.free


def test_its_object_removed_by_hand_ends_it(store: FakeStore) -> None:
    held = Lease(store)
    held.take("ingest")
    store.held = None
    with pytest.raises(LockError, match="removed"):
        held.renew()


def test_the_thread_renews_and_tells_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.01)
    store, told = FakeStore(), threading.Event()
    held = Lease(store, lost=told.set)
    held.take("ingest")
    for _ in range(500):
        if store.held.beat >= 3:
            break
        threading.Event().wait(0.01)
    assert store.held.beat >= 3
    store.held = replace(store.held, token="another's")
    store.etag += 1
    assert told.wait(5)
    assert held.is_lost()


def test_a_child_goes_on_only_while_its_parents_hold_is_good(store: FakeStore) -> None:
    held = Lease(store)
    held.take("the pipeline")
    lease.verify(store, held.token)
    store.now += TERM - MARGIN
    with pytest.raises(LockError, match="not renewed"):
        lease.verify(store, held.token)
    store.now -= TERM - MARGIN
    with pytest.raises(LockError, match="taken over by the pipeline"):
        lease.verify(store, "another's")
    token = held.token
    held.release()
    with pytest.raises(LockError, match="is free"):
        lease.verify(store, token)


def test_terms_leave_room_for_a_request_under_way() -> None:
    assert BEAT * 2 < TERM - MARGIN < TERM


class Hanging(FakeStore):
    """Every renewal takes so many seconds, and then fails or comes to something."""

    def __init__(self, seconds: float, fails: bool) -> None:
        super().__init__()
        self.seconds, self.fails = seconds, fails

    def put(self, holder: Holder, etag: str | None) -> str | None:
        if holder.beat:
            time.sleep(self.seconds)
            self.away = self.fails
        return super().put(holder, etag)


_QUICKER = 20  # so many times: the term is 3 seconds
_HANG = [(10, True), (20, True), (41, True), (80, True), (41, False), (80, False)]  # seconds, and whether it fails then


def test_a_renewal_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it hangs, and whether it then fails or comes to something: the end is at 40 s, before another may begin at 60."""
    for name in ("TERM", "BEAT", "MARGIN"):
        monkeypatch.setattr(lease, name, getattr(lease, name) / _QUICKER)
    told: list[tuple[int, bool, float]] = []
    began, held, slowest = time.monotonic(), [], 0.0
    for hang, fails in _HANG:

        def note(hang: int = hang, fails: bool = fails) -> None:
            told.append((hang, fails, (time.monotonic() - began) * _QUICKER))

        held.append(Lease(Hanging(hang / _QUICKER, fails), lost=note))
        held[-1].take("ingest")
    while time.monotonic() - began < 105 / _QUICKER:  # until the last request has come back
        for one in held:
            asked = time.monotonic()
            with suppress(LockError):
                one.check()
            slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.02)
    assert sorted((hang, fails) for hang, fails, _ in told) == sorted(_HANG)  # once each
    assert all(TERM - MARGIN <= at < TERM for _, _, at in told), told
    assert slowest < 0.4  # who asks before a write is not held up either
    for one in held:
        with pytest.raises(LockError, match="could not be renewed in time"):
            one.check()
        one.release()


class Strange(FakeStore):
    """Renewals fail as nobody has thought of, so many times."""

    def __init__(self, error: BaseException, times: float) -> None:
        super().__init__()
        self.error, self.times = error, times

    def put(self, holder: Holder, etag: str | None) -> str | None:
        if holder.beat and self.times > 0:
            self.times -= 1
            raise self.error
        return super().put(holder, etag)


_STRANGE = [
    ssl.SSLError("record layer failure"),
    ValueError("no JSON"),
    EndpointConnectionError(endpoint_url="https://s3"),
    NoCredentialsError(),
    MemoryError(),
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
]


@pytest.mark.parametrize("error", _STRANGE, ids=lambda error: type(error).__name__)
def test_whatever_a_renewal_fails_by_the_next_is_tried_and_the_end_is_told(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.01)
    monkeypatch.setattr(lease, "_TICK", 0.01)
    store, clock, told = Strange(error, 2), Clock(), []
    held = Lease(store, clock, lost=lambda: told.append(True))
    held.take("ingest")
    assert _comes(lambda: store.held.beat >= 2)  # it went on
    store.times = float("inf")
    assert _comes(lambda: bool(held._trouble))
    assert not told
    clock.now += TERM - MARGIN
    assert _comes(lambda: bool(told))
    with pytest.raises(LockError, match=f"could not be renewed in time.*{type(error).__name__}"):
        held.check()
    held.release()
    assert told == [True]


def test_a_loss_is_told_once_whoever_notices_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.01)
    told: list[str] = []
    held = Lease(FakeStore(), clock := Clock(), lost=lambda: told.append(threading.current_thread().name))
    held.take("ingest")
    held._store.held = replace(held._store.held, token="another's")
    held._store.etag += 1
    clock.now += TERM
    for _ in range(50):
        with suppress(LockError):
            held.renew()
        with suppress(LockError):
            held.check()
    held.release()
    assert told == ["lease"]


def test_the_end_is_told_though_nobody_asks_and_the_renewing_thread_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_TICK", 0.01)
    monkeypatch.setattr(Lease, "_beat", lambda self: None)
    told, clock = threading.Event(), Clock()
    held = Lease(FakeStore(), clock, lost=told.set)
    held.take("ingest")
    assert not told.wait(0.1)
    clock.now += TERM - MARGIN
    assert told.wait(5)


def test_what_goes_wrong_on_a_loss_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise PermissionError("pid 7 is another's")

    monkeypatch.setattr(lease, "_TICK", 0.01)
    held = Lease(FakeStore(), clock := Clock(), lost=fails)
    held.take("ingest")
    clock.now += TERM - MARGIN
    held._threads[0].join(5)
    assert "could not be renewed in time" in (said := capsys.readouterr().err) and "PermissionError: pid 7 is another's" in said
    with pytest.raises(LockError, match="PermissionError: pid 7 is another's.*Stop the Spark server"):
        held.check()


def test_who_lets_go_does_not_wait_for_a_request_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.01)
    monkeypatch.setattr(lease, "MARGIN", TERM - 0.3)
    told: list[bool] = []
    store = Hanging(3, fails=False)
    held = Lease(store, lost=lambda: told.append(True))
    held.take("ingest")
    time.sleep(0.1)
    began = time.monotonic()
    held.release()
    assert time.monotonic() - began < 2
    assert not told and not held.token  # the work was done in time
    assert not store.held.free  # its answer is still to come: the lease runs out by itself


def test_a_renewal_has_ended_long_before_the_hold_has() -> None:
    """As far as a client can bound it: two attempts, each with a time to connect and one to answer."""
    client = Bucket(Settings(lake_url="s3://lake", aws_endpoint_url="http://127.0.0.1:9"))._client
    known = client.meta.config
    longest = known.retries["total_max_attempts"] * (known.connect_timeout + known.read_timeout)
    assert BEAT + longest < TERM - MARGIN
    s3._clients.clear()


def _comes(what: Callable[[], bool]) -> bool:
    for _ in range(1000):
        if what():
            return True
        time.sleep(0.01)
    return False
