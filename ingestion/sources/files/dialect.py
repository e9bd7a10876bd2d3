"""Which dialects could make a table of a file. Pure: what the whole file says of them is asked in table.py."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ingestion.sources.files import layout
from ingestion.sources.files.layout import Layout, LayoutProblem
from ingestion.sources.files.records import CsvDialect, Record, records
from lakehouse.errors import SettingsError

SEPARATORS = {",": ",", ";": ";", "\t": "tab", "|": "|", "\0": "nothing"}
_WORDS = {"tab": "\t", "\\t": "\t", "none": "\0", "comma": ",", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True)
class FileOptions:
    """What somebody told of a file; None is to be found out.

    Args:
        separator: a character, or tab or none.
        quote: a character, or none.
        escape: backslash, or none.
        header: the header's line, from 1.
    """

    encoding: str | None = None
    separator: str | None = None
    quote: str | None = None
    escape: str | None = None
    header: int | None = None

    def separators(self) -> list[str]:
        """The separators that may be."""
        if self.separator is None:
            return [",", ";", "\t", "|"]
        return [_character("SEPARATOR", _WORDS.get(self.separator.lower(), self.separator))]

    def quotes(self) -> list[str | None]:
        """The quotes that may be, the usual one first."""
        if self.quote is None:
            return ['"', "'", None]
        return [None] if self.quote == "none" else [_character("QUOTE", self.quote)]

    def escapes(self) -> list[str | None]:
        """The escapes that may be, none first."""
        if self.escape is None:
            return [None, "\\"]
        if self.escape not in ("none", "backslash", "\\"):
            raise SettingsError("ESCAPE", f"is {self.escape!r}", "backslash or none")
        return [None] if self.escape == "none" else ["\\"]


def _character(name: str, said: str) -> str:
    if len(said) != 1 or said in "\r\n":
        raise SettingsError(name, f"is {said!r}", "one character, tab or none")
    return said


@dataclass(frozen=True)
class Signs:
    """What lines hold that means one thing in one dialect and another in another.

    Args:
        escapes: every backslash stands before a character that needs one, and some do.
        single: a field begins with '.
        spaced: a quote follows a separator and blanks.
    """

    escapes: bool = False
    single: bool = False
    spaced: bool = False


class SignCollector:
    """Collects the signs of lines that pass."""

    def __init__(self, separator: str) -> None:
        mark = re.escape(separator)
        self._escape = re.compile(rf"\\(?:[\"\\'{mark}\r\n]|0|N(?=[{mark}\r\n]|\Z))")
        self._single = re.compile(rf"(?:\A|[{mark}])'")
        self._spaced = re.compile(rf"(?:\A|[{mark}]) +\"")
        self._backslash = self._other = self._is_single = self._is_spaced = False

    def over(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines, looked at."""
        for line in lines:
            if "\\" in line:
                self._other = self._other or "\\" in self._escape.sub("", line)
                self._backslash = self._backslash or re.search(r"\\[^N]", line, re.S) is not None
            self._is_single = self._is_single or ("'" in line and self._single.search(line) is not None)
            self._is_spaced = self._is_spaced or ('"' in line and self._spaced.search(line) is not None)
            yield line

    def signs(self) -> Signs:
        """What was seen so far."""
        return Signs(self._backslash and not self._other, self._is_single, self._is_spaced)


def variants(separator: str, said: FileOptions, signs: Signs) -> list[CsvDialect]:
    """The dialects with this separator that the signs allow, the usual one first."""
    return [
        CsvDialect(separator, quote, escape, blanks)
        for quote in said.quotes()
        for escape in said.escapes()
        for blanks in (False, True)
        if (quote != "'" or signs.single or said.quote)
        and (escape is None or signs.escapes or said.escape)
        # Where values are told apart by commas somebody quotes those with a comma in it.
        and (quote or said.quote or escape or separator not in ",;")
        and (not blanks or (signs.spaced and quote == '"'))
    ]


def tries(sample: Sequence[str], complete: bool, said: FileOptions) -> list[tuple[CsvDialect, Layout]] | LayoutProblem:
    """The dialects that make a table of the first lines, and its layout, one of each separator, of the best kind; or why there is none.

    Args:
        complete: whether these are all of the lines.
    """
    present = [separator for separator in said.separators() if any(separator in line for line in sample)]
    if not present:
        return _single(sample, said)
    found, refused = list[tuple[CsvDialect, Layout]](), list[LayoutProblem]()
    for separator in present:
        seen = SignCollector(separator)
        lines = list(seen.over(sample))
        shapes = [(dialect, shape_of(lines, complete, dialect, said)) for dialect in variants(separator, said, seen.signs())]
        fit = [(dialect, shape) for dialect, shape in shapes if isinstance(shape, Layout)]
        refused += [shape for _, shape in shapes if isinstance(shape, LayoutProblem)]
        found += sorted(fit, key=lambda each: each[1].rank)[:1]
    if not found:
        return next((each for each in refused if each.line), refused[0])
    best = min(shape.rank for _, shape in found)
    equal = [each for each in found if each[1].rank == best]
    return equal if best < 2 else sorted(equal, key=lambda each: (each[1].odd, -each[1].width))[:1]


def _single(sample: Sequence[str], said: FileOptions) -> list[tuple[CsvDialect, Layout]] | LayoutProblem:
    """A file of one column."""
    if said.separator and said.separators() != ["\0"]:
        return LayoutProblem(0, f"holds no {said.separator!r}", "Leave SEPARATOR out, or say none where each line is one value")
    dialect = CsvDialect("\0", said.quotes()[0])
    line = next((number for number, text in enumerate(sample, 1) if text.strip()), 1)
    shape = layout.at(list(records(sample, dialect)), said.header or line)
    return shape if isinstance(shape, LayoutProblem) else [(dialect, shape)]


def shape_of(sample: Sequence[str], complete: bool, dialect: CsvDialect, said: FileOptions) -> Layout | LayoutProblem:
    """The layout that a dialect gives the first lines of a file, or why there is none."""
    found = list(records(sample, dialect))
    if not complete:
        found = found[:-1]  # it may go on
    if said.header:
        return layout.at(found, said.header)
    if dialect.quote is None and not said.quote and (broken := _misquoted(found, sample, dialect)):
        return broken
    return layout.find(found, complete)


def _misquoted(found: Sequence[Record], sample: Sequence[str], dialect: CsvDialect) -> LayoutProblem | None:
    """What is wrong with quotes that are meant as such, since they stand around fields; None if they aren't."""
    if not any(field and len(field) > 1 and field[0] == field[-1] == '"' for each in found for field in each.fields):
        return None
    broken = next((each for each in records(sample, replace(dialect, quote='"')) if each.problem), None)
    return LayoutProblem(broken.line, broken.problem) if broken else None
