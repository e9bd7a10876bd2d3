"""Blocks of a file: whatever their size, and by whichever parser, they give the same rows, and no record is lost."""

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.sources.files import csv_blocks
from ingestion.sources.files.csv_blocks import Block, blocks
from ingestion.sources.files.encoding import Encoding
from ingestion.sources.files.layout import Layout
from ingestion.sources.files.records import CsvDialect
from ingestion.sources.files.survey import FileFormat

CELLS = st.text(st.sampled_from("ab1 ,;|\"'\\\n\réã."), max_size=5)
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8))


def read(
    content: bytes, dialect: CsvDialect, head: tuple[str, ...], size: int = 1 << 20
) -> tuple[list[tuple[Any, ...]], list[int]]:
    """Rows with their lines, and the lines of what is none."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        path.write_bytes(content)
        form = FileFormat(path, Encoding("utf-8", "UTF-8"), dialect, Layout(1, head))
        found: list[Block] = list(blocks(form, size))
    rows = [tuple(row.values()) for block in found for row in block.rows.to_pylist()]
    return rows, [each.line for block in found for each in block.rejects]


@settings(max_examples=120, deadline=None)
@given(TABLES, st.sampled_from(",;|"), st.sampled_from("\"'"), st.sampled_from(["\n", "\r\n"]), st.sampled_from([7, 64, 1 << 20]))
@example([['a"b', '"'], ["x\ny", ""]], ",", '"', "\n", 7)
def test_what_python_writes_comes_back_with_its_lines(
    table: list[list[str]], separator: str, quote: str, ends: str, size: int
) -> None:
    width = len(table[0]) if table else 2
    head = tuple(f"h{place}" for place in range(width))
    text, lines = io.StringIO(newline=""), list[int]()
    writer = csv.writer(text, delimiter=separator, quotechar=quote, lineterminator=ends, quoting=csv.QUOTE_ALL)
    writer.writerow(head)
    for row in table:
        lines.append(1 + len(list(io.StringIO(text.getvalue(), newline=""))))
        writer.writerow(row)
    rows, wrong = read(text.getvalue().encode(), CsvDialect(separator, quote), head, size)
    assert rows == [(*row, line) for row, line in zip(table, lines, strict=True)]
    assert wrong == []


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('ab,"\n\r\\é'), max_size=60), st.sampled_from([3, 16]), st.sampled_from([None, '"']))
@example('a,b\n"x\n1,2\n', 3, '"')
@example('"x" ,y\n1,"2"z\n3,4\n', 16, '"')
def test_the_quick_parser_and_the_strict_one_agree_at_any_size(text: str, size: int, quote: str | None) -> None:
    content, dialect = f"h,k\n{text}".encode(), CsvDialect(",", quote)
    whole = read(content, dialect, ("h", "k"))
    assert read(content, dialect, ("h", "k"), size) == whole
    with pytest.MonkeyPatch.context() as strict:
        strict.setattr(csv_blocks._Parser, "quick", lambda *_: None)
        assert read(content, dialect, ("h", "k")) == whole


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from(["1,2", '"a",b', '"x\ny",z', "ragged", "1,2,3", '"open,1', 'a"b,c', '"q"x,1', "", '""""\'",1', "\\N,"]),
        max_size=12,
    )
)
def test_each_line_is_in_a_row_or_named(lines: list[str]) -> None:
    rows, wrong = read("\n".join(["h,k", *lines]).encode(), CsvDialect(), ("h", "k"))
    text = "\n".join(["h,k", *lines]).split("\n")
    taken = {row[-1] + more for row in rows for more in range(1 + sum((cell or "").count("\n") for cell in row[:-1]))}
    assert not taken & {*wrong}
    left = {number for number, line in enumerate(text, 1) if number > 1 and line} - taken - {*wrong}
    assert not left
