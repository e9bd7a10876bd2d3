"""Which lines of a file are title, header, rows and footer. Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingestion.sources.files.infer import InferredColumn
from ingestion.sources.files.records import Record

_FOOTER = re.compile(
    r"(?i)\(?\d[\d.,\s]*\)?\s*(rows?|records?|lines?|entries|linhas?|registros?|filas?|zeilen|lignes?)\b.*|"
    r"\(?\s*(grand total|totals?|sum|summe|gesamt|soma|suma|somme|rows?|records?|end of|generated|source|fonte|fuente|quelle)\b.*"
)
_TOTAL = re.compile(r"(?i)(grand total|total general|totals?|sum|summe|gesamt|soma|suma|somme)\b[\s:.]*")


@dataclass(frozen=True)
class Layout:
    """Where the table begins.

    Args:
        header: line of the header, from 1.
        cells: the header's cells as they stand there.
        titles: lines above it that are not blank.
        trailing: whether each row, but not the header, ends in a separator.
        odd: the share of lines that have another number of fields; 0 if none has.
    """

    header: int
    cells: tuple[str | None, ...]
    titles: int = 0
    trailing: bool = False
    odd: float = 0.0

    @property
    def rank(self) -> int:
        """0 if all lines are alike; 1 if there are titles, or ends of lines to take off; 2 if some lines don't fit."""
        return 2 if self.odd else int(bool(self.titles or self.trailing))

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.cells)


class LayoutProblem(NamedTuple):
    """Why lines are no table: the line (0 for none), what was seen, what to do."""

    line: int
    seen: str
    remedy: str = "Mend it, or say how it is meant: SEPARATOR=, QUOTE= (none where quotes are text), HEADER= (a line)"


_UNEVEN = LayoutProblem(0, "no separator splits its lines alike")


def find(records: Sequence[Record], complete: bool) -> Layout | LayoutProblem:
    """The layout of a file that begins with `records`; or why there is none.

    Args:
        complete: whether the file ends with them.
    """
    rows = [record for record in records if record.fields or record.problem]
    if broken := next((record for record in rows if record.problem), None):
        return LayoutProblem(broken.line, broken.problem)
    widths = Counter(len(row.fields) for row in rows if len(row.fields) > 1)
    width = max(widths, key=lambda each: (widths[each], each), default=0)
    begin = next((number for number, row in enumerate(rows) if len(row.fields) == width and not _is_padded(row.fields)), None)
    if begin is None:
        return _UNEVEN
    head, body = rows[:begin], rows[begin:]
    while complete and len(body) > 1 and len(body[-1].fields) != width and is_footer(body[-1].fields):
        body = body[:-1]
    odd = sum(len(row.fields) != width for row in body) / len(body)
    if odd > 0.5:
        return _UNEVEN
    if head and not odd and len(head[-1].fields) == width - 1 and all(row.fields[-1] is None for row in body):
        return Layout(head[-1].line, tuple(head[-1].fields), begin - 1, trailing=True)
    if head and not _is_sure(head, body):
        seen = f"{fields(len(head[-1].fields))}, and {width} in line {body[0].line}"
        return LayoutProblem(head[-1].line, seen, f"If line {body[0].line} is the header, say HEADER={body[0].line}")
    return Layout(body[0].line, tuple(body[0].fields), begin, odd=odd)


def at(records: Sequence[Record], line: int) -> Layout | LayoutProblem:
    """The layout of a file whose header is known to stand in `line`."""
    rows = [record for record in records if (record.fields or record.problem) and record.line >= line]
    if not rows or rows[0].line != line or rows[0].problem:
        return LayoutProblem(line, rows[0].problem if rows and rows[0].line == line else "holds no header")
    titles = sum(bool(record.fields) for record in records if record.line < line)
    width, body = len(rows[0].fields), rows[1:]
    trailing = bool(body) and all(len(row.fields) == width + 1 and row.fields[-1] is None for row in body)
    odd = sum(len(row.fields) != width + trailing for row in body) / max(1, len(body))
    return Layout(header=line, cells=tuple(rows[0].fields), titles=titles, trailing=trailing, odd=odd)


def fields(number: int) -> str:
    """`1 field`, `2 fields`."""
    return f"{number} field{'' if number == 1 else 's'}"


def is_footer(cells: Sequence[str | None]) -> bool:
    """Whether a line shorter than the others says how many rows there are, or what they add up to."""
    filled = [cell for cell in cells if cell]
    return len(filled) == 1 and _FOOTER.fullmatch(filled[0].strip()) is not None


def is_total(cells: Sequence[str | None]) -> bool:
    """Whether a row looks like the sum of those above it."""
    return bool(cells[0]) and _TOTAL.fullmatch((cells[0] or "").strip()) is not None and None in cells


def _is_padded(cells: Sequence[str | None]) -> bool:
    """`Report of sales,,,`, a title that a spreadsheet wrote, or `sep=;`, which one reads."""
    return bool(cells[0]) and not any(cells[1:]) and (len(cells) > 2 or cells[0] == "sep=")


def _is_sure(head: Sequence[Record], body: Sequence[Record]) -> bool:
    """Whether the first of `body` is a header and what is above it are titles: values of another kind below, or a blank line between."""
    if all(_is_padded(row.fields) for row in head):
        return True
    return body[0].line > head[-1].line + 1 or (all(len(row.fields) == 1 for row in head) and differs(body))


def kinds(rows: Sequence[Record]) -> list[str]:
    """The kinds of the columns of some rows of one width."""
    found = []
    for values in zip(*(row.fields for row in rows), strict=True):
        column = InferredColumn()
        column.take(values)
        found.append(column.kinds[0] if column.kinds and column.filled else "text")
    return found


def differs(body: Sequence[Record]) -> bool:
    """Whether some column holds another kind of values below its first cell than there."""
    even = [row for row in body if len(row.fields) == len(body[0].fields)]
    if len(even) < 2:
        return False
    return any(own != kind != "text" for own, kind in zip(kinds(even), kinds(even[1:]), strict=True))


def doubt(header: Sequence[str | None], body: Sequence[Record]) -> str:
    """Why the header is perhaps none, or not the only one; empty if nothing speaks against it."""
    even = [row for row in body if len(row.fields) == len(header)]
    if not even:
        return ""
    below = kinds(even)
    typed = [cell for cell, kind in zip(header, below, strict=True) if kind != "text"]
    years = all(re.fullmatch(r"(19|20)\d\d", cell or "") for cell in typed)
    if typed and not years and kinds([Record(0, list(header)), *even]) == below:
        return "is like the rows below it, and should be a header"
    if len(even) > 2 and all(even[0].fields) and set(kinds(even[:1])) == {"text"} and differs(even):
        return "is a header, and so seems the line below it"
    return ""


def names(cells: Sequence[str | None], longest: int = 63, taken: Sequence[str] = ()) -> tuple[list[str], dict[int, str]]:
    """Names of columns from the header's cells, each once and of `longest` bytes at most; and what was changed, by place.

    Args:
        taken: names that other columns have, in small letters.
    """
    found, changes = list[str](), dict[int, str]()
    for place, cell in enumerate(cells):
        name = (cell or "").strip("\ufeff \t\r\n\xa0")
        if not name:
            name = f"column_{place + 1}"
            changes[place] = f"column {place + 1} has no name: {name}"
        elif len(name.encode()) > longest:
            name = f"{_cut(name, longest - 9)}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
            changes[place] = f"column {place + 1} has a name of more than {longest} bytes: {name}"
        if name in found or name.casefold() in taken:
            count = next(count for count in range(2, len(found) + 3) if f"{_cut(name, longest - 5)}_{count}" not in found)
            changes[place] = f"column {place + 1} is called {name}, as another is: {_cut(name, longest - 5)}_{count}"
            name = f"{_cut(name, longest - 5)}_{count}"
        found.append(name)
    return found, changes


def _cut(name: str, size: int) -> str:
    return name.encode()[:size].decode(errors="ignore")
