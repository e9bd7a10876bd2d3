"""Lines to records of fields by a dialect, strictly: what breaks its rules is a problem of that line. Pure."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

LONGEST = 16_000_000  # characters of a field or line; what is longer is a quote left open, or no table
_ENDS = ("\r", "\n")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r"}  # as PostgreSQL's COPY and MySQL write them


@dataclass(frozen=True)
class CsvDialect:
    """How fields are told apart.

    Args:
        separator: one character; NUL for none, so that a line is a field.
        quote: the character around fields, written twice inside of one; None if none is special.
        escape: the character that makes the next one plain; None if none does.
        blanks: whether blanks after a separator belong to it.
    """

    separator: str = ","
    quote: str | None = '"'
    escape: str | None = None
    blanks: bool = False


class Record(NamedTuple):
    """What stands in `line` (from 1) and those that belong to it. An empty field without quotes is None; a blank line has no fields."""

    line: int
    fields: list[str | None]
    problem: str = ""


class _BrokenError(Exception):
    """A record that the dialect does not allow."""


class _Lines:
    """An iterator that knows the number of the line it gave last."""

    def __init__(self, lines: Iterable[str], first: int) -> None:
        self._lines, self.number, self.end = iter(lines), first - 1, ""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        self.end = line[-1]
        return line


def records(lines: Iterable[str], dialect: CsvDialect, first: int = 1) -> Iterator[Record]:
    """The records of `lines`, each with its own line end, of which the first has the number `first`."""
    numbered = _Lines(lines, first)
    separator = dialect.separator
    # Without one of these a line is what split makes of it.
    quote, escape = dialect.quote or "\0\0", dialect.escape or "\0\0"
    quick, end = _quick(dialect), ""
    for line in numbered:
        at, problem = numbered.number, ""
        if quote not in line and escape not in line and not dialect.blanks:
            text = line.rstrip("\r\n")
            fields: list[str | None] = [field or None for field in text.split(separator)] if text else []
        elif (plain := quick(line)) is not None:
            fields = plain
        else:
            try:
                fields = _fields(line, numbered, dialect)
            except _BrokenError as broken:
                fields, problem = [], str(broken)
        end = end or numbered.end
        if numbered.end != end and not problem and numbered.end in _ENDS and end in _ENDS:
            fields, problem = [], "ends in another way than the first line: CR or LF is an end, or part of a field"
        yield Record(at, fields, problem)


def _quick(dialect: CsvDialect) -> Callable[[str], list[str | None] | None]:
    """The csv module for lines that it reads as we do: a record each, without an empty field in quotes or blanks before one."""
    if dialect.escape or dialect.blanks or not dialect.quote or dialect.separator == "\0":
        return lambda line: None
    mark, quote = re.escape(dialect.separator), re.escape(dialect.quote)
    odd = re.compile(rf"(?:\A|{mark})(?: +{quote}|{quote * 2}(?:{mark}|[\r\n]|\Z))")
    doubled, spaced = dialect.quote * 2, " " + dialect.quote
    options: dict[str, Any] = {"delimiter": dialect.separator, "quotechar": dialect.quote, "strict": True}

    def read(line: str) -> list[str | None] | None:
        if (doubled in line or spaced in line) and odd.search(line):
            return None
        try:
            return [field or None for field in next(csv.reader((line,), **options))]
        except csv.Error:
            return None

    return read


def _fields(line: str, lines: _Lines, dialect: CsvDialect) -> list[str | None]:
    if not line.rstrip("\r\n"):
        return []
    found: list[str | None] = []
    position = 0
    while True:
        if dialect.blanks:
            position += len(line[position:]) - len(line[position:].lstrip(" "))
        if dialect.quote and line.startswith(dialect.quote, position):
            value, line, position = _quoted(line, position + 1, lines, dialect)
            found.append(value)
            if dialect.blanks:
                position += len(line[position:]) - len(line[position:].lstrip(" "))
        else:
            if dialect.quote and line.startswith(" ", position) and line[position:].lstrip(" ").startswith(dialect.quote):
                raise _BrokenError(f"blanks stand before a quote ({dialect.quote})")
            value, line, position = _bare(line, position, lines, dialect)
            found.append(value or None)
        if position >= len(line) or line[position] in "\r\n":
            return found
        if line[position] != dialect.separator:
            raise _BrokenError(f"text follows a quote ({dialect.quote}) that closes a field")
        position += 1


def _quoted(line: str, position: int, lines: _Lines, dialect: CsvDialect) -> tuple[str, str, int]:
    """The field whose quote was opened before `position`: its value, the line that it ends in, and where."""
    opened, length, parts = lines.number, 0, list[str]()
    stop = _stop((dialect.quote or "") + (dialect.escape or ""))
    while True:
        found = stop.search(line, position)
        end = found.start() if found else len(line)
        parts.append(line[position:end])
        length += end - position
        if length > LONGEST:
            raise _BrokenError(f"a quote is opened in line {opened}, and not closed in {LONGEST // 1_000_000} million characters")
        if not found:
            line, position = next(lines, ""), 0
            if not line:
                raise _BrokenError("a quote is opened that is never closed")
        elif found[0] == dialect.escape:
            value, line, position = _escaped(line, found.end(), lines)
            parts.append(value)
        elif line.startswith(found[0], found.end()):
            parts.append(found[0])
            position = found.end() + 1
        else:
            return "".join(parts), line, found.end()


@lru_cache
def _stop(characters: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(characters)}]")


def _bare(line: str, position: int, lines: _Lines, dialect: CsvDialect) -> tuple[str, str, int]:
    """The field without quotes that begins at `position`."""
    stop = _stop("\r\n" + dialect.separator + (dialect.escape or ""))
    parts = list[str]()
    while True:
        found = stop.search(line, position)
        end = found.start() if found else len(line)
        parts.append(line[position:end])
        if not found or found[0] != dialect.escape:
            return "".join(parts), line, end
        value, line, position = _escaped(line, found.end(), lines)
        alone = not "".join(parts) and value == "N" and line[position : position + 1] in ("", "\r", "\n", dialect.separator)
        parts.append("\\N" if alone else value)


def _escaped(line: str, position: int, lines: _Lines) -> tuple[str, str, int]:
    """What the character at `position` means behind an escape."""
    rest = line[position:]
    if rest.strip("\r\n"):
        return _LETTERS.get(rest[0], rest[0]), line, position + 1
    following = next(lines, "")
    if not rest or not following:
        raise _BrokenError("an escape stands at the end")
    return rest, following, 0


_FARTHEST = 5000  # lines that a quote may be open: one that is never closed must not be looked for in all that follows


class _From(_Lines):
    """Lines from a place on, of those that are at hand."""

    def __init__(self, lines: Sequence[str], place: int, first: int) -> None:
        super().__init__((), first + place)
        self._at_hand, self.place, self._end = lines, place, min(len(lines), place + _FARTHEST)

    def __next__(self) -> str:
        if self.place >= self._end:
            raise StopIteration
        line = self._at_hand[self.place]
        self.place, self.number, self.end = self.place + 1, self.number + 1, line[-1]
        return line

    @property
    def is_exhausted(self) -> bool:
        """Whether more lines could have made it whole."""
        return self.place >= len(self._at_hand)


def recovering(lines: Sequence[str], dialect: CsvDialect, first: int, complete: bool) -> Iterator[tuple[Record, int]]:
    """The records of `lines` and of how many lines each is. After one that breaks the rules it goes on at the next line.

    Args:
        complete: whether nothing follows; otherwise a last record that may go on is left out.
    """
    separator, quick, place = dialect.separator, _quick(dialect), 0
    quote, escape = dialect.quote or "\0\0", dialect.escape or "\0\0"
    while place < len(lines):
        line, count = lines[place], 1
        if quote not in line and escape not in line and not dialect.blanks:
            text = line.rstrip("\r\n")
            fields: list[str | None] = [field or None for field in text.split(separator)] if text else []
            record = Record(first + place, fields)
        elif (plain := quick(line)) is not None:
            record = Record(first + place, plain)
        else:
            numbered = _From(lines, place, first)
            try:
                record = Record(first + place, _fields(next(numbered), numbered, dialect))
                count = numbered.place - place
            except _BrokenError as broken:
                if numbered.is_exhausted and not complete:
                    return
                record = Record(first + place, [], str(broken))
        yield record, count
        place += count
