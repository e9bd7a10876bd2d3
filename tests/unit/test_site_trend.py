"""Drawings stay in their box and say what the numbers say."""

import re

from hypothesis import given
from hypothesis import strategies as st

from docs_site import trend

VALUES = st.lists(st.none() | st.floats(-1e12, 1e12), min_size=1, max_size=60)


@given(VALUES)
def test_every_point_is_inside_and_in_order(values: list[float | None]) -> None:
    drawn = trend.line(values, [value is None for value in values], 600, 120)
    points = [tuple(map(float, point)) for point in re.findall(r"([-\d.e+]+) ([-\d.e+]+)", drawn.path)]
    known = [value for value in values if value is not None]
    assert len(points) == len(known)
    assert all(0 <= x <= 600 and 0 <= y <= 120 for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert all(
        (a >= b) == (ay <= by) or ay == by for a, b, (_, ay), (_, by) in zip(known, known[1:], points, points[1:], strict=False)
    )


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=120))
def test_bars_are_as_tall_as_what_failed(counts: list[tuple[int, int]]) -> None:
    drawn = trend.bars([a for a, _ in counts], [b for _, b in counts], 600, 120)
    assert drawn.most == max(a + b for a, b in counts)
    for (a, b), bar in zip(counts, drawn.bars, strict=True):
        assert (bar.critical[1] > 0, bar.warning[1] > 0) == (a > 0, b > 0)
        assert abs(bar.critical[0] + bar.critical[1] - 120) < 0.02 and bar.warning[0] > -0.02  # drawn to hundredths


def test_a_gap_is_a_gap_and_the_failed_are_marked() -> None:
    drawn = trend.line([1, None, 3, 2], [False, True, True, False], 100, 50)
    assert drawn.path.count("M") == 2 and len(drawn.bad) == 1
    assert (drawn.low, drawn.high) == (1, 3)
