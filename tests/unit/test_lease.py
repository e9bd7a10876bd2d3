"""The lease without a store: who may take it, how long a holder may go on, and what lost answers do to it."""

from dataclasses import replace

import pytest

from lakehouse import lease
from lakehouse.errors import LockError, StorageError
from lakehouse.lease import BEAT, MARGIN, TERM, Holder, Lease, Seen


class FakeStore:
    """An object with an etag; its time is its own."""

    def __init__(self) -> None:
        self.now, self.held, self.etag, self.at = 1000.0, None, 0, 0.0
        self.away = False
        self.loses_answers = 0
        self.before_put = lambda: None

    def look(self) -> Seen | None:
        if self.away:
            raise StorageError("the store", "is away")
        return Seen(self.held, str(self.etag), self.now - self.at) if self.held else None

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
    import threading

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
