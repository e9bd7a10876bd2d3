"""A table in a file: what it is like, told from all of it, and its rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path

from ingestion.sources.files import dialect as dialects
from ingestion.sources.files import encoding, infer, kind, layout
from ingestion.sources.files.dialect import SEPARATORS, FileOptions
from ingestion.sources.files.encoding import Encoding
from ingestion.sources.files.infer import InferredColumn
from ingestion.sources.files.layout import LayoutProblem
from ingestion.sources.files.records import CsvDialect
from ingestion.sources.files.survey import FileFormat, Survey, first_lines, fitted, survey
from lakehouse.errors import SourceError

_LOOKED_AT = 2000  # rows that a header is held against


@dataclass(frozen=True)
class TableColumn:
    """A column of a file.

    Args:
        place: its place in the file, from 0.
        name: once in the file and 63 bytes at most.
        kind: of its values, as infer.POSTGRES knows it.
        nulls: what stands for no value.
    """

    place: int
    name: str
    kind: str
    nulls: frozenset[str]


@dataclass(frozen=True)
class FileTable:
    """A file that is a table.

    Args:
        rows: how many there are.
        problems: line and reason of the first of the `wrong` records that don't fit.
        notes: what somebody should know who expects the file as it is.
    """

    reading: FileFormat
    columns: tuple[TableColumn, ...]
    rows: int
    problems: tuple[tuple[int, str], ...]
    wrong: int
    notes: tuple[str, ...]
    state: tuple[int, int]

    def described(self) -> str:
        """`orders.csv: UTF-8, separated by ;, 3 title lines, 1,204 rows, 12 columns`."""
        said = [described(self.reading), _many(self.rows, "row"), _many(len(self.columns), "column")]
        return f"{self.reading.path.name}: {', '.join(said)}"

    def values(self) -> Iterator[list[str | None]]:
        """The rows, in the text of PostgreSQL's types.

        Raises:
            SourceError: a record does not fit, or the file has changed since it was looked at.
        """
        readers = [infer.reader(column.kind, column.nulls) for column in self.columns]
        changes = [(number, read) for number, read in enumerate(readers) if read]
        places = [column.place for column in self.columns]
        whole = len(places) == self.reading.layout.width
        for record in fitted(self.reading):
            if record.problem:
                raise SourceError(f"{self.reading.path}, line {record.line}", record.problem)
            cells = record.fields if whole else [record.fields[place] for place in places]
            for number, read in changes:
                cells[number] = read(cells[number])
            yield cells
        if _state(self.reading.path) != self.state:
            raise SourceError(str(self.reading.path), "changed while it was read", remedy="Run again")


def described(reading: FileFormat) -> str:
    """`UTF-8, separated by ;, 3 title lines`."""
    dialect, said = reading.dialect, [reading.encoding.name]
    if dialect.separator != "\0":
        said.append(f"separated by {_shown(dialect)}{' and blanks' if dialect.blanks else ''}")
    if dialect.quote != '"':
        said.append(f"quoted by {dialect.quote}" if dialect.quote else "without quotes")
    if dialect.escape:
        said.append("escaped by \\")
    if reading.layout.titles:
        said.append(_many(reading.layout.titles, "title line"))
    return ", ".join(said)


def look(path: Path, said: FileOptions | None = None) -> FileTable:
    """Find out what a file is like, by reading all of it.

    Raises:
        SourceError: it is no table, or could be more than one.
    """
    said, state = said or FileOptions(), _state(path)
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip(b"\0 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise SourceError(str(path), "is empty", "a header and rows")
    if foreign := kind.foreign(start):
        raise SourceError(str(path), foreign[0], "a table as text", foreign[1])
    reading, found = settled(path, said, encoding.find(path, said.encoding))
    columns, notes = _columns(reading, found)
    return FileTable(
        reading=reading,
        columns=columns,
        rows=found.rows,
        problems=tuple(found.problems),
        wrong=found.wrong,
        notes=notes,
        state=state,
    )


def settled(path: Path, said: FileOptions, how: Encoding) -> tuple[FileFormat, Survey]:
    """The one way to read the whole file as a table, and what it gives.

    Raises:
        SourceError: there is none, or more than one.
    """
    reading, found = _settled(path, said, how)
    if not said.header and not found.wrong:
        _check_header(reading)
    return reading, found


def _settled(path: Path, said: FileOptions, how: Encoding) -> tuple[FileFormat, Survey]:
    sample, complete = first_lines(path, how)
    tried = dialects.tries(sample, complete, said)
    if isinstance(tried, LayoutProblem):
        raise SourceError(f"{path}, line {tried.line}" if tried.line else str(path), tried.seen, remedy=tried.remedy)
    read = [(reading, survey(reading)) for reading in (FileFormat(path, how, *each) for each in tried)]
    good = [each for each in read if not each[1].wrong]
    if len(good) > 1:
        both = " or ".join(_shown(reading.dialect) for reading, _ in good)
        raise SourceError(str(path), f"is a table whether separated by {both}", remedy="Say which: SEPARATOR=")
    return _challenged(*(good or read)[0], said)


def _challenged(reading: FileFormat, found: Survey, said: FileOptions) -> tuple[FileFormat, Survey]:
    """The reading, or another of quotes and escapes where the whole file shows that one to be right."""
    dialect, how = reading.dialect, reading.encoding
    others = [each for each in dialects.variants(dialect.separator, said, found.signs) if each != dialect]
    if not found.wrong:  # what stands between " is quoted
        others = [each for each in others if each.quote and not each.blanks]
    fit = list[tuple[FileFormat, Survey]]()
    for other in others:
        shape = dialects.shape_of(*first_lines(reading.path, how), other, said)
        if not isinstance(shape, LayoutProblem) and not shape.odd:
            another = FileFormat(reading.path, how, other, shape)
            fit += [(another, read)] if not (read := survey(another)).wrong else []
    if found.wrong:
        return fit[0] if len(fit) == 1 else (reading, found)
    for another, _ in fit:
        if not _is_same(reading, another):
            raise SourceError(str(reading.path), *_doubt(dialect, another.dialect))
    return reading, found


def _is_same(one: FileFormat, other: FileFormat) -> bool:
    both = zip_longest(fitted(one), fitted(other))
    return one.layout == other.layout and all(left and right and left.fields == right.fields for left, right in both)


def _doubt(one: CsvDialect, other: CsvDialect) -> tuple[str, str, str]:
    if one.quote != other.quote:
        return "' may stand around fields, or be part of them", "", "Say QUOTE=\"'\" or QUOTE='\"'"
    return "\\ may stand for itself, or make the character behind it plain", "", "Say ESCAPE=none or ESCAPE=backslash"


def _check_header(reading: FileFormat) -> None:
    line = reading.layout.header
    if doubt := layout.doubt(reading.layout.cells, list(islice(fitted(reading), _LOOKED_AT))):
        remedy = f"Write a header above it; if it is one, say HEADER={line}"
        if "below it" in doubt and "seems" in doubt:
            remedy = f"Say HEADER={line} or HEADER={line + 1}: what is above is left out"
        raise SourceError(f"{reading.path}, line {line}", doubt, remedy=remedy)


def _columns(reading: FileFormat, found: Survey) -> tuple[tuple[TableColumn, ...], tuple[str, ...]]:
    """The columns, and what is to be said of the file."""
    cells = reading.layout.cells
    names, changes = layout.names(cells)
    comma = reading.dialect.separator == ";" or any("comma" in column.signs and column.kinds for column in found.columns)
    columns, notes = list[TableColumn](), list[str]()
    if reading.encoding.example:
        notes.append(f"Windows-1252 is assumed, as in “{reading.encoding.example}”; ENCODING= says another one")
    for place, (cell, name, column) in enumerate(zip(cells, names, found.columns, strict=True)):
        if not cell and not column.filled:
            notes.append(f"column {place + 1} has neither a name nor values, and is left out")
            continue
        kind_, why = column.kind(comma)
        columns.append(TableColumn(place, name, kind_, frozenset(column.nulls)))
        notes += [changes[place]] if place in changes else []
        notes += _notes(name, kind_, why, column)
    for count, what in ((found.blanks, "blank line"), (found.footers, "footer line")):
        notes += [f"{_many(count, what)} left out"] if count else []
    return tuple(columns), tuple(notes + found.remarks)


def _notes(name: str, kind_: str, why: str, column: InferredColumn) -> Iterator[str]:
    if why:
        yield f"{name} stays text: {why}"
    if kind_ in infer.DESCRIBED:
        yield f"{name}: {infer.DESCRIBED[kind_]}"
    if marks := sorted(column.nulls if kind_ != "text" else column.nulls & {"\\N"}):
        yield f"{name}: {', '.join(marks)} {'is' if len(marks) == 1 else 'are'} null"


def _shown(dialect: CsvDialect) -> str:
    return SEPARATORS.get(dialect.separator, dialect.separator)


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
