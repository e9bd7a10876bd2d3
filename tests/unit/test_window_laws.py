"""Windows, ranges and lanes: whatever is split, the parts are the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sources.postgres.ranges import Span, even, halves, lanes, range_condition, ranges, span_condition
from ingestion.sources.postgres.window import MAX_XID_DISTANCE, Snapshot, Window, condition, next_window, reread_reason


def snapshot(
    horizon: int = 100, next_xid: int = 100, oldest: str | None = "2026-01-01", system: str = "1", timeline: int = 1
) -> Snapshot:
    return Snapshot("name", horizon, next_xid, oldest, system, 0, timeline)


@given(st.integers(0, 100_000), st.integers(1, 9_000))
def test_ranges_meet_without_gap_or_overlap(pages: int, target: int) -> None:
    found = ranges(pages, target)
    assert found[0][0] == 0 and found[-1][1] is None
    assert all(end == following[0] for (_, end), following in zip(found, found[1:], strict=False))
    assert all((end or max(pages, first)) - first <= target for first, end in found)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=600), st.integers(1, 200_000), st.integers(1, 40))
def test_ranges_of_equal_cost_meet_without_gap_or_overlap(costs: list[float], pages: int, count: int) -> None:
    found = even(costs, pages, count)
    assert found[0][0] == 0 and found[-1][1] is None and len(found) <= count
    assert all(first < end == following[0] for (first, end), following in zip(found, found[1:], strict=False) if end is not None)


@given(st.lists(st.integers(0, 1000), min_size=20, max_size=200).filter(any), st.integers(2, 10))
def test_ranges_are_even_in_cost(costs: list[int], count: int) -> None:
    pages = 100 * len(costs)  # of known cost each
    found = even(costs, pages, count)
    each = [sum(costs[page // 100] for page in range(first, end or pages)) for first, end in found]
    assert max(each) <= 100 * sum(costs) / count + 2 * max(costs)  # a page more at either end, by rounding


@given(st.lists(st.integers(0, 1000), min_size=1), st.integers(1, 8))
def test_every_piece_stands_in_one_lane_and_lanes_are_even(sizes: list[int], width: int) -> None:
    found = lanes(sizes, width)
    assert sorted(position for lane in found for position in lane) == list(range(len(sizes)))
    assert len(found) <= width and all(found)
    loads = [sum(sizes[position] for position in lane) for lane in found]
    assert max(loads) - min(loads) <= max(sizes) + len(sizes)


@given(
    st.integers(0, 40),
    st.integers(0, 299),
    st.one_of(st.none(), st.tuples(st.integers(0, 9), st.integers(0, 299))),
    st.integers(0, 50),
    st.data(),
)
def test_halves_of_halves_hold_every_row_once(
    page: int, row: int, further: tuple[int, int] | None, pages: int, data: st.DataObject
) -> None:
    end = None if further is None else max((page + further[0], further[1]), (page, row + 1))
    spans: list[tuple[Span, int]] = [(((page, row), end), pages)]
    for _ in range(12):
        span, share = spans.pop(data.draw(st.integers(0, len(spans) - 1)))
        found = halves(span, share)
        spans += [(half, share // 2) for half in found] if found else [(span, share)]
    place = data.draw(st.tuples(st.integers(0, 60), st.integers(1, 291)))
    within = [(first, last) for (first, last), _ in spans if first <= place and (last is None or place < last)]
    assert len(within) == (place >= (page, row) and (end is None or place < end))


def test_a_span_is_halved_down_to_a_row() -> None:
    span: Span = ((7, 0), (8, 0))
    count = 0
    while found := halves(span, 1):
        span, count = found[0], count + 1
    assert count < 20 and span == ((7, 0), (7, 1))


def test_a_range_of_the_whole_table_has_no_condition() -> None:
    assert range_condition(0, None) == ""
    assert range_condition(5, None) == "ctid >= '(5,0)'::tid"
    assert span_condition(None) == span_condition(((0, 0), None)) == ""
    assert span_condition(((0, 3), (5, 0))) == "ctid >= '(0,3)'::tid and ctid < '(5,0)'::tid"


@pytest.mark.parametrize(
    ("now", "cursor", "words"),
    [
        (snapshot(), "xmin", None),
        (snapshot(system="2"), "xmin", "another cluster"),
        (snapshot(timeline=2), "xmin", "promoted or restored (timeline 2, was 1)"),
        (snapshot(next_xid=50), "xmin", "restored from a backup"),
        (snapshot(next_xid=100 + MAX_XID_DISTANCE + 1), "xmin", "2^30"),
        (snapshot(), "updated_at", "cursor changed"),
    ],
)
def test_a_window_that_cannot_hold_is_read_whole(now: Snapshot, cursor: str, words: str | None) -> None:
    reason = reread_reason(Window(1, "xmin", 100, "", "1", timeline=1), cursor, now)
    assert reason is None if words is None else words in str(reason)


def test_a_window_noted_before_timelines_were_still_holds() -> None:
    noted = {"batch_id": 1, "cursor": "xmin", "horizon": 100, "since": "", "system": "1", "live": 7}
    assert reread_reason(Window(**noted), "xmin", snapshot(timeline=2)) is None


def test_a_window_carries_the_timeline_through_its_noted_form() -> None:
    noted = next_window(1, "xmin", snapshot(timeline=3)).counted(7).to_dict()
    assert Window(**noted).timeline == 3


@given(st.integers(0, 2**40))
def test_a_horizon_is_compared_on_the_circle_of_ids(horizon: int) -> None:
    assert condition(Window(1, "xmin", horizon, "", "1"), False) == f"age(xmin) between 0 and age('{horizon % 2**32}'::xid)"


def test_a_cursor_whose_horizon_cannot_be_told_does_not_advance() -> None:
    seen = Window(1, "updated_at", 1, "2025-05-05", "1")
    assert next_window(2, "updated_at", snapshot(oldest=None), seen).since == "2025-05-05"
    assert next_window(2, "updated_at", snapshot(oldest=None)).since == "-infinity"
    assert next_window(2, "updated_at", snapshot(), seen).since == "2026-01-01"


def test_rows_without_a_cursor_value_are_read_every_time() -> None:
    assert condition(Window(1, "at", 1, "2025", "1"), True) == """("at" >= (timestamptz '2025') or "at" is null)"""
