"""Reading all of a file in one way: its rows, what they are like, and what does not fit. Memory does not grow with the file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ingestion.sources.files import layout
from ingestion.sources.files.dialect import SignCollector, Signs
from ingestion.sources.files.encoding import Encoding
from ingestion.sources.files.infer import InferredColumn
from ingestion.sources.files.layout import Layout
from ingestion.sources.files.records import LONGEST, CsvDialect, Record, records
from lakehouse.errors import SourceError

_SAMPLE = 2000  # lines, of a million characters in all, that dialects are tried on before the whole file is
_CHUNK = 2000  # rows that columns look at together
_TOLD = 20  # problems that are kept; the others are counted


@dataclass(frozen=True)
class FileFormat:
    """A file, and a way to read it."""

    path: Path
    encoding: Encoding
    dialect: CsvDialect
    layout: Layout


@dataclass
class Survey:
    """What reading all of a file brought to light.

    Args:
        rows: records that fit.
        blanks, footers: lines that are no rows.
        problems: line and reason of the first of the `wrong` records that don't fit.
        remarks: what looks odd, and fits.
    """

    columns: list[InferredColumn]
    rows: int = 0
    blanks: int = 0
    footers: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)
    wrong: int = 0
    signs: Signs = Signs()
    remarks: list[str] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        """Note that a record does not fit."""
        self.wrong += 1
        if self.wrong <= _TOLD:
            self.problems.append((line, reason))


def survey(reading: FileFormat) -> Survey:
    """Read the whole file."""
    found = Survey([InferredColumn() for _ in reading.layout.cells])
    seen = SignCollector(reading.dialect.separator)
    chunk, last, hollow = list[list[str | None]](), Record(0, []), 0
    for record in fitted(reading, found, seen):
        if record.problem:
            found.refuse(record.line, record.problem)
            continue
        found.rows += 1
        hollow += not any(record.fields)
        if last.fields:
            chunk.append(last.fields)
        last = record
        if len(chunk) == _CHUNK:
            _take(found.columns, chunk)
            chunk = []
    _take(found.columns, chunk)
    if last.fields:
        _total(found, last)
        _take(found.columns, [last.fields])
    if hollow:
        found.remarks.append(f"{hollow:,} row{' is' if hollow == 1 else 's are'} all of empty fields, and taken as such")
    found.signs = seen.signs()
    return found


def _take(columns: list[InferredColumn], rows: list[list[str | None]]) -> None:
    for column, values in zip(columns, zip(*rows, strict=True), strict=False):
        column.take(values)


def _total(found: Survey, last: Record) -> None:
    """A last row that adds up the others is none of them; where it can't be told from them, it is said."""
    if found.rows < 2 or len(last.fields) < 2 or not layout.is_total(last.fields):
        return
    if found.columns[0].kind()[0] != "text":
        found.refuse(last.line, "looks like the total of the rows above it")
    else:
        found.remarks.append(f"line {last.line} begins with {last.fields[0]}, and is taken as a row")


def fitted(reading: FileFormat, tally: Survey | None = None, seen: SignCollector | None = None) -> Iterator[Record]:
    """The records below the header; one that does not fit it has a problem. Blank lines and a footer are counted only."""
    shape, tally = reading.layout, tally or Survey([])
    below: Iterable[str] = islice(lines(reading.path, reading.encoding), shape.header - 1, None)
    found = records(seen.over(below) if seen else below, reading.dialect, shape.header)
    next(found)
    held = list[Record]()
    for record in found:
        if not record.fields and not record.problem:
            tally.blanks += 1
            if shape.width == 1:
                held.append(record._replace(problem="is blank: a row, or none?"))
            continue
        yield from (each if each.problem else _uneven(each, shape) for each in held)
        held.clear()
        if record.problem:
            yield record
        elif problem := problem_of(record, shape):
            if len(record.fields) != shape.width and layout.is_footer(record.fields):
                held.append(record)  # unless more rows follow
            else:
                yield record._replace(problem=problem)
        else:
            yield record
    tally.footers += sum(bool(record.fields) for record in held)


def _is_uneven(fields: list[str | None], shape: Layout) -> bool:
    """Whether a record has another number of fields than the header; the empty one at the end is taken off, where all have it."""
    if shape.trailing:
        return len(fields) != shape.width + 1 or fields.pop() is not None
    return len(fields) != shape.width


def _uneven(record: Record, shape: Layout) -> Record:
    return record._replace(problem=_width(record, shape))


def _width(record: Record, shape: Layout) -> str:
    return f"{layout.fields(len(record.fields))} (wanted: {shape.width}, as in the header)"


def problem_of(record: Record, shape: Layout) -> str:
    """Why a record is no row of the table; empty if it is one. The empty field at its end is taken off, where all have one."""
    if _is_uneven(record.fields, shape):
        return _width(record, shape)
    if record.fields == list(shape.cells):
        return "is the header again, as where two files were put together"
    if (record.fields[0] or "").startswith("\ufeff"):
        return "begins with a byte order mark, as where two files were put together"
    if any("\0" in cell for cell in record.fields if cell):
        return "holds a NUL character"
    return ""


def first_lines(path: Path, how: Encoding) -> tuple[list[str], bool]:
    """The first lines, and whether they are all."""
    found, length = list[str](), 0
    rest = lines(path, how)
    for line in rest:
        found.append(line)
        length += len(line)
        if len(found) == _SAMPLE or length > 1_000_000:
            return found, next(rest, None) is None
    return found, True


def lines(path: Path, how: Encoding) -> Iterator[str]:
    """Lines with the ends that they have.

    Raises:
        SourceError: one is too long to be of a table.
    """
    with path.open(encoding=how.codec, newline="") as text:
        number = 1
        while line := text.readline(LONGEST):
            if len(line) == LONGEST:
                raise SourceError(f"{path}, line {number}", f"is longer than {LONGEST // 1_000_000} million characters")
            yield line
            number += 1
