"""What kind of values the columns of a file hold, told from all of them; what is not plain, or means two things, is text. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time

NULLS = frozenset({"NULL", "Null", "null", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "None"})
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)", re.A)
# An exponent needs a point or a sign: 12e45 may be a code.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+(?:[eE][+-]?\d{1,3})?|[eE][+-]\d{1,3})?", re.A)
_COMMA = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(?:\.\d{3})+)(?:,\d+)?", re.A)  # 1.234,56
_GROUPS = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d+)?", re.A)  # 1,234.56
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.A)
_SLASHED = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})", re.A)
_CLOCK = re.compile(r"\d\d:\d\d:\d\d(?:\.\d{1,6})?", re.A)
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?", re.A)
_ZONED = re.compile(_STAMP.pattern + r"(?:Z|[+-]\d\d(?::?\d\d)?)", re.A)
# The same digits mean a thousand times as much in another country.
_TWO_COMMA = re.compile(r"-?[1-9]\d{0,2},\d{3}", re.A)
_TWO_POINT = re.compile(r"-?[1-9]\d{0,2}\.\d{3}", re.A)
_LEADING = re.compile(r"-?0\d+", re.A)
ZEROS = "zeros stand in front"
# What people expect to be a number or a time, and why it is none.
NEARLY = {
    "blanks stand around or in numbers": r"[\s\d.,-]*(?:\s[\s.,-]*\d|\d[\d.,-]*\s)[\s\d.,-]*",
    "signs or units stand beside numbers": r"-?(?:[$€£%]|R\$|US\$)?\s?-?[\d.,]*\d\s?[$€£%]?",
    "no plain form of a date or time": r"[0-9]{1,4}(?:/[0-9]{1,2}/|\.[0-9]{1,2}\.|-[0-9]{1,2}-)[0-9]{2,4}(?:[ T,]+[0-9:.]+.*)?",
}
_NEARLY = {why: re.compile(pattern) for why, pattern in NEARLY.items()}
_WHY = (ZEROS, *NEARLY)
_BIGGEST = 2**63


def _is(pattern: re.Pattern[str], valid: Callable[[str], object] | None = None) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        if not pattern.fullmatch(value):
            return False
        try:
            return valid is None or valid(value) is not False
        except (ValueError, OverflowError):
            return False

    return fits


def _day_first(value: str) -> str:
    found = _SLASHED.fullmatch(value)
    assert found
    return date(int(found[4]), int(found[3]), int(found[1])).isoformat()


def _month_first(value: str) -> str:
    found = _SLASHED.fullmatch(value)
    assert found
    return date(int(found[4]), int(found[1]), int(found[3])).isoformat()


def _small(value: str) -> bool:
    return -_BIGGEST <= int(value) < _BIGGEST


def _moment(value: str) -> datetime:
    """PostgreSQL takes 15:59 hours of offset at most, and a moment is held in UTC."""
    found = datetime.fromisoformat(value)
    found.astimezone(datetime.fromisoformat("2000-01-01T00:00Z").tzinfo)
    return found


# The kinds, the narrowest first, and what they are in PostgreSQL.
FITS: dict[str, Callable[[str], bool]] = {
    "boolean": lambda value: value.lower() in ("true", "false"),
    "integer": _is(_INTEGER, lambda value: len(value) <= 20 and _small(value)),
    "number": _is(_NUMBER),
    "number with comma": _is(_COMMA),
    "number in groups": _is(_GROUPS),
    "date": _is(_DAY, date.fromisoformat),
    "day first": _is(_SLASHED, _day_first),
    "month first": _is(_SLASHED, _month_first),
    "time": _is(_CLOCK, time.fromisoformat),
    "timestamp": _is(_STAMP, datetime.fromisoformat),
    "timestamp with zone": _is(_ZONED, _moment),
}
_NUMBERS = ("integer", "number", "number with comma", "number in groups")
POSTGRES = {
    "boolean": "boolean",
    "integer": "bigint",
    "number": "numeric",
    "number with comma": "numeric",
    "number in groups": "numeric",
    "date": "date",
    "day first": "date",
    "month first": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamp with zone": "timestamptz",
    "text": "text",
}
READ: dict[str, Callable[[str], str]] = {
    "number with comma": lambda value: value.replace(".", "").replace(",", "."),
    "number in groups": lambda value: value.replace(",", ""),
    "day first": _day_first,
    "month first": _month_first,
}


def base(kind: str) -> str:
    """A kind without the digits that a number's type is to have."""
    return kind.partition("(")[0]


@dataclass
class InferredColumn:
    """What was seen of one column."""

    kinds: list[str] = field(default_factory=lambda: list(FITS))
    nulls: set[str] = field(default_factory=set)
    filled: bool = False
    signs: set[str] = field(default_factory=set)

    def take(self, values: Iterable[str | None]) -> None:
        """Look at more values."""
        seen = set(values)
        seen -= {None, ""}
        plain = {value for value in seen if value is not None and value != "\\N"}
        if len(plain) < len(seen):
            self.nulls.add("\\N")
        marks = plain & NULLS
        self.nulls |= marks
        plain -= marks
        self.filled = self.filled or bool(plain) or bool(marks)
        if not plain or not self.kinds:
            return
        if "integer" in self.kinds and any(map(_LEADING.fullmatch, plain)):
            self.signs.add(ZEROS)
        whole = "integer" in self.kinds and all(map(FITS["integer"], plain))  # then they fit every other kind of number
        self.kinds = [kind for kind in self.kinds if (kind in _NUMBERS if whole else all(map(FITS[kind], plain)))]
        self.signs |= self._evidence(plain)
        if not self.kinds:
            self.signs |= {name for name, pattern in _NEARLY.items() if all(map(pattern.fullmatch, plain))}

    def _evidence(self, values: set[str]) -> set[str]:
        found = {"some"}
        if "number with comma" in self.kinds and any(
            ("," in value and not _TWO_COMMA.fullmatch(value)) or value.count(".") > 1 for value in values
        ):
            found.add("comma")  # 12,5 or 1.234,56 or 1.234.567
        if "number in groups" in self.kinds and any("," in value and not _TWO_COMMA.fullmatch(value) for value in values):
            found.add("groups")  # 1,234.5 or 1,234,567
        if "number" in self.kinds and any("." in value and not _TWO_POINT.fullmatch(value) for value in values):
            found.add("point")
        if "number" in self.kinds and any("." in value for value in values):
            found.add("points")
        return found

    def kind(self, comma: bool = False) -> tuple[str, str]:
        """The column's kind, and why it is text, if somebody could expect another one.

        Args:
            comma: whether fractions stand behind a comma in this file, as another column or a separator other than a comma shows.
        """
        if "some" not in self.signs:
            return "text", ""
        for kind in self.kinds:
            if kind == "number" and comma and "points" in self.signs and "point" not in self.signs:
                return "text", "1.234 may be a thousand times as much"
            if kind in ("number with comma", "number in groups") and {"comma", "groups"} & self.signs == set():
                return "text", "1,234 may be a thousand times as much"
            if kind == "day first" and "month first" in self.kinds:
                return "text", "01/02/2026 may be in January or in February"
            return kind, ""
        return "text", next((why for why in _WHY if why in self.signs), "")


DESCRIBED = {
    "number with comma": "numbers with a decimal comma",
    "number in groups": "numbers with a comma between thousands",
    "day first": "dates, the day first",
    "month first": "dates, the month first",
}


def reader(kind: str, nulls: frozenset[str]) -> Callable[[str | None], str | None] | None:
    """What makes PostgreSQL's text of a column's values; None if they are that already."""
    read = READ.get(kind)
    marks = {*nulls, ""} if kind != "text" else nulls & {"\\N"}
    if not read and not marks:
        return None
    return lambda value: None if value is None or value in marks else read(value) if read else value
