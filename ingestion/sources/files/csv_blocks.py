"""Rows of a CSV file as Arrow tables of text, block by block: by Arrow's parser where a block is plain, else strictly, line by line.

What Arrow's parser takes for granted (text behind a closing quote, a quote inside of a field, blank lines, a header in the middle)
is looked for in the bytes first, so that both ways give the same rows. Memory does not grow with the file.
"""

import codecs
import io
import os
import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from ingestion.sources.files.records import recovering
from ingestion.sources.files.survey import FileFormat, problem_of
from lakehouse.errors import SourceError

BLOCK = 8 * 2**20  # bytes
_LONGEST = 8 * BLOCK  # of a line
LANES = min(4, os.cpu_count() or 1)  # blocks that are parsed at a time
_STEPS = 200  # ends of lines that are tried as the end of a record
_BOM = codecs.BOM_UTF8


class Reject(NamedTuple):
    """A record that is no row: its line, why, and what stands there."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Block:
    """Rows that stand one after the other.

    Attributes:
        rows: columns of text by their places, `0`, `1`, …, null where a field is empty or `\\N`; and the line of each row, `line`.
    """

    rows: pa.Table
    rejects: list[Reject] = field(default_factory=list)


def blocks(reading: FileFormat, size: int = BLOCK) -> Iterator[Block]:
    """The rows below the header, in the file's order. Blocks are parsed side by side.

    Args:
        size: bytes that are read at a time.

    Raises:
        SourceError: a line has no end.
    """
    parser = _Parser(reading)
    pieces = _whole_records(parser, _utf8(reading.path, reading.encoding.codec, size))
    line, rest = next(pieces)[1], b""
    waiting: deque[tuple[bytes, int, Future[tuple[Block, int] | None]]] = deque()
    with ThreadPoolExecutor(LANES) as pool:
        for data, last in pieces:
            waiting.append((data, last, pool.submit(parser.quick, data)))
            while len(waiting) > LANES or (last and waiting):
                data, is_last, future = waiting.popleft()
                quick = parser.quick(rest + data) if rest else future.result()
                if quick:
                    found, lines = Block(_moved(quick[0].rows, line)), quick[1]
                    rest = b""
                else:  # a record that the bytes seemed to end with may go on in the next ones
                    data = rest + data
                    found, taken, lines = parser.strict(data, line, bool(is_last))
                    rest = data[taken:]
                    if len(rest) > _LONGEST:
                        where = f"{reading.path}, line {line + lines}"
                        raise SourceError(where, f"is longer than {_LONGEST // 1_000_000} million bytes")
                line += lines
                if found.rows.num_rows or found.rejects:
                    yield found


def _whole_records(parser: "_Parser", source: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
    """First nothing, and the line below the header; then pieces that end with a record, if quotes are well formed, and whether one is the last."""
    rest, is_below = b"", False
    while True:
        more = next(source, None)
        last = more is None
        rest += more or b""
        if not is_below:
            if not (last or parser.has_header(rest)):
                continue
            taken, line = parser.below_header(rest)
            rest, is_below = rest[taken:], True
            yield b"", line
        cut = len(rest) if last or len(rest) > _LONGEST else parser.cut(rest)
        if cut or last:
            yield rest[:cut], last
            rest = rest[cut:]
        if last:
            return


def _moved(rows: pa.Table, line: int) -> pa.Table:
    """The rows of a piece that begins at `line`, whose own lines count from 0."""
    place = rows.schema.get_field_index("line")
    return rows.set_column(place, "line", pc.add(rows.column(place), line))


def _utf8(path: Path, codec: str, size: int) -> Iterator[bytes]:
    """The file's text in UTF-8; bytes that are none of its encoding stay as they are."""
    with path.open("rb") as file:
        if codec in ("utf-8", "utf-8-sig"):
            start = file.read(size)
            yield start.removeprefix(_BOM)
            while block := file.read(size):
                yield block
            return
        decoder = codecs.getincrementaldecoder(codec)("surrogateescape")
        while block := file.read(size):
            yield decoder.decode(block).encode("utf-8", "surrogateescape")
        yield decoder.decode(b"", True).encode("utf-8", "surrogateescape")


class _Parser:
    """Makes blocks of the bytes of one file."""

    def __init__(self, reading: FileFormat) -> None:
        dialect, shape = reading.dialect, reading.layout
        self._dialect, self._shape = dialect, shape
        self._end = ""  # of the header's line, and so of the others
        self._quote = dialect.quote.encode() if dialect.quote else b""
        self._escape = dialect.escape.encode() if dialect.escape else b""
        self._places = [str(place) for place in range(shape.width + shape.trailing)]
        # One column: a sign that stands in no text.
        separator = "\x1f" if dialect.separator == "\0" else dialect.separator
        self._separator = separator
        self._is_plain = len(separator.encode()) == 1 and len(self._quote) < 2 and not dialect.blanks
        head = separator.join(cell or "" for cell in shape.cells).encode()
        self._header = head if shape.width > 1 else None

    def has_header(self, data: bytes) -> bool:
        """Whether the header ends within `data`."""
        above = self._shape.header - 1
        lines = _lines(data)[: above + _STEPS]
        return (
            len(lines) > above
            and next(recovering(lines[above:], self._dialect, 1, False), None) is not None
            and len(lines) > above + 1
        )

    def below_header(self, data: bytes) -> tuple[int, int]:
        """Bytes down to the header's end, and the line behind it."""
        lines = _lines(data)
        above = self._shape.header - 1
        found = next(recovering(lines[above:], self._dialect, above + 1, True), None)
        count = above + (found[1] if found else 1)
        self._end = lines[count - 1][-1] if count <= len(lines) else ""
        return _size(lines[:count]), count + 1

    def cut(self, data: bytes) -> int:
        """Where the last record that is whole ends, if quotes are well formed."""
        end = data.rfind(b"\n") + 1
        if not self._quote:
            return end
        is_open = data.count(self._quote, 0, end) % 2
        for _ in range(_STEPS):
            if not is_open or not end:
                break
            before = data.rfind(b"\n", 0, end - 1) + 1
            is_open ^= data.count(self._quote, before, end) % 2
            end = before
        return end

    def quick(self, data: bytes) -> tuple[Block, int] | None:
        """The block by Arrow's parser, its lines counted from 0, and how many; None where it could read it otherwise than we do."""
        if not data:
            return None
        quote = self._quote
        if not self._is_plain or b"\0" in data or _BOM in data or (self._escape and self._escape in data):
            return None
        if (self._header and self._header in data) or data.count(b"\r") != data.count(b"\r\n"):
            return None
        has_quotes = bool(quote) and quote in data
        if has_quotes and (quote + b"\\N" + quote in data or not self._is_well_formed(data)):
            return None
        table = self._by_arrow(data)
        if table is None:
            return None
        count = data.count(b"\n") + (not data.endswith(b"\n"))
        if table.num_rows == count:
            numbers = pa.array(np.arange(count))
        elif not has_quotes or (numbers := _first_lines(table, count)) is None:
            return None
        if self._shape.trailing:
            if table.column(self._shape.width).null_count != table.num_rows:
                return None
            table = table.remove_column(self._shape.width)
        return Block(table.append_column("line", numbers)), count

    def _is_well_formed(self, data: bytes) -> bool:
        """Whether each quote opens a field at its begin, closes one at its end, or is one of two within."""
        text = np.frombuffer(data, np.uint8)
        places = np.flatnonzero(text == self._quote[0])
        if len(places) % 2:
            return False
        begins, ends = places[0::2], places[1::2]
        separator, ends_of_lines = ord(self._separator), (10, 13)
        before = text[np.maximum(begins - 1, 0)]
        opens = (begins == 0) | (before == separator) | np.isin(before, ends_of_lines)
        opens[1:] |= begins[1:] == ends[:-1] + 1
        behind = text[np.minimum(ends + 1, len(text) - 1)]
        closes = (ends == len(text) - 1) | (behind == separator) | np.isin(behind, ends_of_lines)
        closes[:-1] |= begins[1:] == ends[:-1] + 1
        return bool(opens.all() and closes.all())

    def _by_arrow(self, data: bytes) -> pa.Table | None:
        try:
            return csv.read_csv(
                pa.py_buffer(data),
                csv.ReadOptions(column_names=self._places, block_size=len(data) + 1, use_threads=False),
                csv.ParseOptions(
                    delimiter=self._separator,
                    quote_char=self._dialect.quote or False,
                    newlines_in_values=bool(self._quote),
                    ignore_empty_lines=True,
                ),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(self._places, pa.string()),
                    null_values=["", "\\N"],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            return None

    def strict(self, data: bytes, line: int, last: bool) -> tuple[Block, int, int]:
        """Rows of the records that are whole, the bytes that they take, and the lines.

        Args:
            line: of the first byte.
            last: whether nothing follows.
        """
        if not last:
            data = data[: max(data.rfind(b"\n"), data.rfind(b"\r", 0, max(0, len(data) - 1))) + 1]
        lines = _lines(data)
        rows, numbers, rejects = list[list[str | None]](), list[int](), list[Reject]()
        blank, used = list[Reject](), 0
        for record, count in recovering(lines, self._dialect, line, last):
            text = "".join(lines[used : used + count]).rstrip("\r\n")
            problem = _mixed(self._end, lines[used + count - 1])
            used += count
            record = record if record.problem else record._replace(problem=problem or _foreign(text))
            if not record.fields and not record.problem:
                blank += [Reject(record.line, "is blank: a row, or none?", "")] if self._shape.width == 1 else []
                continue
            rejects, blank = [*rejects, *blank] if blank else rejects, []
            if problem := record.problem or problem_of(record, self._shape):
                rejects.append(
                    Reject(record.line, problem, text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
                )
            else:
                rows.append([None if value == "\\N" else value for value in record.fields])
                numbers.append(record.line)
        if not last:
            rejects += blank
        columns = list(zip(*rows, strict=True)) if rows else [()] * self._shape.width
        table = pa.table([pa.array(values, pa.string()) for values in columns], self._places[: self._shape.width])
        return Block(table.append_column("line", pa.array(numbers, pa.int64())), rejects), _size(lines[:used]), used


def _lines(data: bytes) -> list[str]:
    """Lines with the ends that they have."""
    return list(io.StringIO(data.decode("utf-8", "surrogateescape"), newline=""))


def _size(lines: list[str]) -> int:
    return len("".join(lines).encode("utf-8", "surrogateescape"))


def _mixed(end: str, line: str) -> str:
    """CR among ends by LF, or the other way round."""
    is_mixed = end in ("\r", "\n") and line[-1] in ("\r", "\n") and line[-1] != end and end
    return "ends in another way than the first line: CR or LF is an end, or part of a field" if is_mixed else ""


def _foreign(text: str) -> str:
    """Which byte of a line is none of its encoding."""
    found = re.search("[\udc80-\udcff]", text)
    return f"byte 0x{ord(found[0]) - 0xDC00:02X} is none of the file's encoding" if found else ""


def _first_lines(table: pa.Table, count: int) -> pa.Array | None:
    """The line on which each row begins, from 0, told from the ends of lines in its fields; None if that does not add up."""
    more = None
    for column in table.columns:
        ends = pc.fill_null(pc.count_substring(column, "\n"), 0)
        more = ends if more is None else pc.add(more, ends)
    lines = pc.cumulative_sum(pc.cast(pc.add(more, 1), pa.int64()))
    if not len(lines) or lines[-1].as_py() != count:
        return None
    each = pc.cast(pc.add(more, 1), pa.int64())
    return pc.subtract(lines, each)
