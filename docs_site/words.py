"""Numbers, sizes and times as people read them."""

import json
from datetime import UTC, datetime
from typing import Any

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))
_LONGEST = 160  # a value longer than this would push the check's name off a phone's screen


def ago(at: datetime, now: datetime) -> str:
    """`at` as distance from `now`: `just now`, `5 minutes ago`, `in 2 hours`; whole units, rounded down."""
    seconds = (now - at).total_seconds()
    for size, unit in _UNITS:
        count = int(abs(seconds) // size)
        if count:
            text = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "just now"


def stamp(at: datetime) -> str:
    """`at` in full: `21 Nov 2026, 04:33:10 UTC`."""
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC"


def iso(at: datetime) -> str:
    """`at` for the `datetime` attribute."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def number(value: int | None) -> str:
    """`1,234,567`; a dash for what is not known."""
    return "–" if value is None else f"{value:,}"


def minute(at: datetime) -> str:
    """`at` to the minute: `21 Nov 2026, 04:33`, in UTC."""
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M}"


def percent(value: float) -> str:
    """`0 %`, `0.02 %`, `12.5 %`, `100 %`: three digits; what is not nothing is never said to be."""
    return f"{value:.3g} %" if value >= 0.001 or value == 0 else "< 0.001 %"


def amount(value: float) -> str:
    """`1,204`, `0.981`, `12,345.68`: a number of any size."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}" if abs(value) >= 100 else f"{value:.4g}"


def short(value: int | None) -> str:
    """`1.2 M`; a dash for what is not known."""
    if value is None:
        return "–"
    for size, unit in ((10**9, "G"), (10**6, "M")):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:,}"


def size(value: int | None) -> str:
    """`12.3 MB`, decimal; a dash for what is not known."""
    if value is None:
        return "–"
    for unit_size, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if value >= unit_size:
            return f"{value / unit_size:.1f} {unit}"
    return f"{value} B"


def duration(seconds: float | None) -> str:
    """`0.4 s`, `42 s`, `3 min 5 s`, `2 h 10 min`; a dash for what is not known."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def value(seen: Any) -> str:
    """A value that a check saw, as text of bounded length."""
    if isinstance(seen, dict):
        text = ", ".join(f"{key} = {value(part)}" for key, part in seen.items())
    else:
        text = seen if isinstance(seen, str) else json.dumps(seen, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
