"""A table that was written in any dialect is read back as it was, or refused: never as another one."""

import csv
import io
import os
from decimal import Decimal, InvalidOperation
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from ingestion.sources.files.dialect import FileOptions
from ingestion.sources.files.table import look
from lakehouse.errors import SourceError

Rows = list[list[str]]
WORDS = st.sampled_from(
    [
        "a",
        "São Paulo",
        "x y",
        "007",
        "0",
        "1",
        "-5",
        "19.90",
        "1.234",
        "1,5",
        "1.234,56",
        "1,234.5",
        "12;3",
        "2026-01-31",
        "31/12/2026",
        "01/02/2026",
        "true",
        "NULL",
        "NA",
        "Total",
        "it's",
        "'q'",
        "'",
        '"',
        '"q"',
        '5" pipe',
        "\\",
        "\\\\",
        "\\,",
        '\\"',
        "C:\\temp",
        "a|b",
        "a\tb",
        "line\nline",
        "line\r\nline",
        "cr\rcr",
        ' "q"',
        " ",
        "",
        "#",
        "(2 rows)",
        "9223372036854775808",
        "1e5",
        "é",
    ]
)
CELLS = WORDS | st.text(st.sampled_from("ab1 ,;|\t\"'\\\n\réã.-/:"), max_size=6)
TABLES = st.integers(2, 4).flatmap(
    lambda width: st.tuples(
        st.lists(
            st.sampled_from(["id", "name", "preço", "a b", "c", "2020", "x,y", "p;q", "O'Neil", 'say "x"', "n\\a"]),
            min_size=width,
            max_size=width,
            unique=True,
        ),
        st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=5),
    )
)
PLAIN = st.integers(2, 4).flatmap(
    lambda width: st.tuples(
        st.lists(st.sampled_from(["id", "name", "preço", "a b", "c"]), min_size=width, max_size=width, unique=True),
        st.lists(
            st.lists(
                st.text(st.characters(codec="latin-1", categories=["L", "Nd", "Zs"]), max_size=8).map(lambda text: f"k{text}z"),
                min_size=width,
                max_size=width,
            ),
            max_size=5,
        ),
    )
)


class _Dialect(csv.Dialect):
    def __init__(self, separator: str, quote: str, ends: str, style: str) -> None:
        self.delimiter, self.quotechar, self.lineterminator = separator, quote, ends
        self.doublequote, self.escapechar = style != "backslash", "\\" if style in ("backslash", "none") else None
        self.quoting = {"all": csv.QUOTE_ALL, "none": csv.QUOTE_NONE}.get(style, csv.QUOTE_MINIMAL)
        super().__init__()


DIALECTS = st.builds(
    _Dialect,
    st.sampled_from(",;\t|"),
    st.sampled_from("\"'"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["minimal", "all", "backslash", "none"]),
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "iso-8859-15"])


def written(header: list[str], rows: Rows, dialect: csv.Dialect) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, dialect)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def read_back(content: bytes, said: FileOptions | None = None) -> tuple[list[str], list[list[object]]]:
    """Names and values, numbers as such; what is no number as text."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(content)
        table = look(path, said)
        if table.problems:
            raise SourceError(str(path), table.problems[0][1])
        kinds = [column.kind for column in table.columns]
        values = [[_value(kind, cell) for kind, cell in zip(kinds, row, strict=True)] for row in table.values()]
        assert len(values) == table.rows
        return [column.name for column in table.columns], values


def _value(kind: str, cell: str | None) -> object:
    return Decimal(cell) if cell and (kind == "integer" or kind.startswith("number")) else cell or ""


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def same(cell: str, value: object) -> bool:
    """Whether `value` is what somebody wrote as `cell`."""
    if isinstance(value, Decimal):
        return value in {_number(cell), _number(cell.replace(",", "")), _number(cell.replace(".", "").replace(",", "."))}
    if cell == "31/12/2026":
        return value in (cell, "2026-12-31")
    if cell == "01/02/2026":
        return value in (cell, "2026-02-01")
    return value == cell or (value == "" and cell in ("NULL", "NA"))


@settings(max_examples=int(os.environ.get("EXAMPLES", "400")))
@given(TABLES, DIALECTS, ENCODINGS)
@example((["id", "name"], [["1,5", "a"], ["2,5", "b"]]), _Dialect(";", '"', "\n", "minimal"), "utf-8")
@example((["x,y", "c"], [["1,5", "2"]]), _Dialect(";", '"', "\n", "minimal"), "utf-8")
@example((["id", "name"], [["\\\\", "a"]]), _Dialect(",", '"', "\n", "backslash"), "utf-8")
@example((["id", "name"], [['a "b" c', "a"]]), _Dialect("\t", '"', "\n", "none"), "utf-8")
@example((["id", "name"], [["'q'", "a"]]), _Dialect(",", '"', "\n", "minimal"), "utf-8")
@example((["id", "name"], [["'q'", "a"]]), _Dialect(",", "'", "\n", "minimal"), "utf-8")
@example((["id", "name"], [["5 €", "a"]]), _Dialect(",", '"', "\n", "minimal"), "iso-8859-15")
def test_what_was_written_is_read_back_or_refused(table: tuple[list[str], Rows], dialect: csv.Dialect, encoding: str) -> None:
    header, rows = table
    # A field that begins with " and ends so is quoted, whatever else a writer meant by it.
    assume(dialect.quotechar == '"' or not any(cell.lstrip(" ").startswith('"') for row in [header, *rows] for cell in row))
    # The csv module of Python 3.11 writes the other end of a line without quotes: then it is one, or behind \ an escaped one.
    other = {"\n": "\r", "\r": "\n"}.get(dialect.lineterminator, "\0") if dialect.quoting != csv.QUOTE_ALL else "\0"
    assume(not any(other in cell for row in rows for cell in row))
    try:
        content = written(header, rows, dialect).encode(encoding)
    except (csv.Error, UnicodeEncodeError):
        assume(False)
    try:
        names, values = read_back(content)
    except SourceError as error:
        event("refused: " + error.seen[:40])
        return
    event("read")
    assert names == header
    assert len(values) == len(rows)
    for row, found in zip(rows, values, strict=True):
        assert all(same(cell, value) for cell, value in zip(row, found, strict=True)), (row, found)


@settings(max_examples=150)
@given(PLAIN, st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["minimal", "all"]), ENCODINGS)
def test_what_is_plain_is_never_refused(
    table: tuple[list[str], Rows], separator: str, ends: str, style: str, encoding: str
) -> None:
    header, rows = table
    text = written(header, rows, _Dialect(separator, '"', ends, style))
    content = text.encode(encoding, "replace")
    name = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    assert read_back(content, FileOptions(encoding=name)) == (
        header,
        [[cell.encode(encoding, "replace").decode(encoding) for cell in row] for row in rows],
    )
    if encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert read_back(content) == (header, rows)
