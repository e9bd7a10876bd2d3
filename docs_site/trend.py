"""Numbers over time as small drawings: geometry and words, no HTML."""

from collections.abc import Sequence
from dataclasses import dataclass

_EDGE = 6.0  # room for a mark at the border


@dataclass(frozen=True)
class Line:
    """A line through the known values, its failed points, and what it says in words; coordinates in a box of `width` by `height`."""

    width: int
    height: int
    path: str
    area: str
    bad: tuple[tuple[float, float], ...]
    end: tuple[float, float] | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Bar:
    """What failed in one verdict: `top` and `tall` of the critical part, and of the warnings above it."""

    x: float
    critical: tuple[float, float]
    warning: tuple[float, float]


@dataclass(frozen=True)
class Bars:
    """One bar for each verdict."""

    width: int
    height: int
    thick: float
    bars: tuple[Bar, ...]
    most: int


def line(values: Sequence[float | None], bad: Sequence[bool], width: int, height: int) -> Line:
    """`values` from left to right, oldest first; None leaves a gap, `bad` marks failed ones. A single value is a dot in the middle."""
    known = [value for value in values if value is not None]
    if not known:
        return Line(width=width, height=height, path="", area="", bad=(), end=None, low=None, high=None)
    low, high = min(known), max(known)
    spots = [
        None if value is None else (_x(place, len(values), width), _y(value, low, high, height))
        for place, value in enumerate(values)
    ]
    path, area = "", ""
    for run in _unbroken(spots):
        drawn = "L".join(f"{x:g} {y:g}" for x, y in run)
        path += f"M{drawn}"
        area += f"M{run[0][0]:g} {height}L{drawn}L{run[-1][0]:g} {height}z"
    marked = tuple(spot for spot, wrong in zip(spots, bad, strict=True) if spot and wrong)
    return Line(width=width, height=height, path=path, area=area, bad=marked, end=spots[-1], low=low, high=high)


def bars(critical: Sequence[int], warning: Sequence[int], width: int, height: int) -> Bars:
    """How many checks failed in each verdict, oldest first; critical ones below, warnings on top of them."""
    most = max((a + b for a, b in zip(critical, warning, strict=True)), default=0)
    step = (width - 2 * _EDGE) / max(len(critical), 1)
    thick = round(min(step * 0.7, 14), 2)
    unit = (height - _EDGE) / max(most, 1)
    made = [
        Bar(
            round(_EDGE + place * step + (step - thick) / 2, 2),
            (round(height - a * unit, 2), round(a * unit, 2)),
            (round(height - (a + b) * unit, 2), round(b * unit, 2)),
        )
        for place, (a, b) in enumerate(zip(critical, warning, strict=True))
    ]
    return Bars(width=width, height=height, thick=thick, bars=tuple(made), most=most)


def _x(place: int, count: int, width: int) -> float:
    return round(width / 2 if count == 1 else _EDGE + place * (width - 2 * _EDGE) / (count - 1), 2)


def _y(value: float, low: float, high: float, height: int) -> float:
    share = (
        (value - low) / (high - low) if high > low else 0.0 if value == 0 else 0.5
    )  # a level line: in the middle, none at the foot
    return round(height - _EDGE - share * (height - 2 * _EDGE), 2)


def _unbroken(spots: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for spot in spots:
        if spot:
            runs[-1].append(spot)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
