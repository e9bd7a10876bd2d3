"""Which batches are pending, from the ledger's rows alone."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from expectations.compile import frame


def batch(
    number: int, version: int | None = None, mode: str = "incremental", key: tuple[str, ...] = ("id",), **more: Any
) -> dict[str, Any]:
    row = {"batch_id": number, "delta_version": number if version is None else version, "mode": mode, "key": json.dumps(key)}
    return row | {"status": "committed", "rows": 5, "deletes": 0} | more


def test_before_the_first_release_all_is_pending() -> None:
    assert frame.scope([batch(1), batch(2)], None) == frame.Scope(0, 0, 2, ("id",), 10)


def test_after_a_release_only_newer_batches_are_pending() -> None:
    assert frame.scope([batch(4, 0), batch(7, 1), batch(9, 3)], 1) == frame.Scope(7, 0, 1, ("id",), 5)


def test_empty_and_failed_batches_promise_nothing() -> None:
    rows = [batch(1, 0), batch(2, 0, status="empty", rows=0), batch(3, status="failed", rows=0, delta_version=None)]
    assert frame.scope(rows, 0) == frame.Scope(1, 0, 0, ("id",), 0)


def test_a_full_copy_without_a_key_replaces_all_before_it() -> None:
    rows = [batch(1, mode="full", key=()), batch(2, mode="full", key=()), batch(3, mode="full", key=())]
    found = frame.scope(rows, 1)
    assert (found.after, found.since, found.batches, found.promised) == (1, 3, 1, 5)


def test_deletes_are_promised_too() -> None:
    assert frame.scope([batch(1, rows=0, deletes=3)], None).promised == 3


def test_unknown_table_has_nothing() -> None:
    assert frame.scope([], 4) == frame.Scope()


@given(st.lists(st.integers(1, 50), unique=True, min_size=1).map(sorted), st.data())
def test_released_and_pending_batches_are_all_batches(numbers: list[int], data: st.DataObject) -> None:
    released = data.draw(st.none() | st.sampled_from(range(len(numbers))))
    found = frame.scope([batch(number, version) for version, number in enumerate(numbers)], released)
    taken = [number for number in numbers if number <= found.after]
    assert len(taken) == (0 if released is None else released + 1)
    assert found.batches == len(numbers) - len(taken)


def test_names_and_paths_are_quoted() -> None:
    sql = frame.live(frame.at_version("/lake/b`ronze/t", 3), frame.Scope(1, 0, 2, ("odd`name",)), whole=False)
    assert "`odd``name`" in sql and "`file:///lake/b``ronze/t`" in sql and "version as of 3" in sql
