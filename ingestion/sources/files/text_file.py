"""A file of a source as columns of text: what it is found to be, and its blocks."""

import io
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ingestion.bronze.columns import TECHNICAL
from ingestion.sources.files import json_blocks, kind, layout, parquet_blocks
from ingestion.sources.files.csv_blocks import Block, blocks
from ingestion.sources.files.dialect import FileOptions
from ingestion.sources.files.encoding import Encoding
from ingestion.sources.files.encoding import find as find_encoding
from ingestion.sources.files.entry import FileEntry
from ingestion.sources.files.file_plan import PLACE
from ingestion.sources.files.staging import StagedFile
from ingestion.sources.files.survey import FileFormat
from ingestion.sources.files.table import described, settled
from lakehouse.errors import SourceError

DOCUMENT = "_document"
_OURS = (*PLACE, *(field.name for field in TECHNICAL))  # columns that bronze adds
_SAMPLE = 2**20  # bytes of a file that its dialect is told from
_FEW = 2  # rows that don't fit say nothing of the file yet
_PATIENCE = 20  # lines in the way of that


@dataclass(frozen=True)
class TextFile:
    """A file that can be read as a table of text.

    Attributes:
        names: of its columns, by their place in the blocks.
        blocks: reads it, from the beginning each time.
        said: what it was found to be, in a line.
        comma: whether fractions stand behind a comma, as its separator shows.
        options: what sources.yml would have to say of it.
        kinds: of its columns, where the file itself says them; else they are text.
    """

    staged: StagedFile
    names: tuple[str, ...]
    blocks: Callable[[], Iterator[Block]]
    said: str
    comma: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)


def open_file(staged: StagedFile, entry: FileEntry, folder: Path) -> TextFile:
    """Find out what a file is like.

    Args:
        folder: for a piece of it.

    Raises:
        SourceError: it is not of its entry's format, or no table.
    """
    with staged.local.open("rb") as file:
        start = file.read(4096)
    where = staged.found.path
    if not start.strip(b"\0 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise SourceError(where, "is empty", "rows", "Remove it, or put it there anew")
    if entry.format == "parquet":
        return _parquet(staged)
    if entry.format in ("json", "jsonl"):
        return _json(staged, entry, start)
    if foreign := kind.foreign(start):
        raise SourceError(where, foreign[0], "CSV, as sources.yml says", "Put the right file there, or mend format in sources.yml")
    return _csv(staged, entry.csv.told(), folder)


def _json(staged: StagedFile, entry: FileEntry, start: bytes) -> TextFile:
    where, local, keys = staged.found.path, staged.local, entry.key
    names = (*keys, DOCUMENT)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError(where, "is in UTF-16", "UTF-8", "Save it as UTF-8")
    first = json_blocks.is_array_or_object(local)
    if entry.format == "jsonl":
        if first == "[":
            raise SourceError(where, "is an array", "a document a line", "Say format: json in sources.yml")
        if first != "{":
            raise SourceError(where, f"begins with {first!r}, which is no JSON", "a document a line")
        return TextFile(staged, names, lambda: json_blocks.lines(local, keys), f"{where}: documents, one a line")
    if first not in ("[", "{"):
        raise SourceError(where, f"begins with {first!r}, which is no JSON", "an array of documents, or one behind the other")
    json_blocks.check(local, where)
    what = "an array of documents" if first == "[" else "documents one behind the other"
    return TextFile(staged, names, lambda: json_blocks.documents(local, keys, where), f"{where}: {what}")


def _parquet(staged: StagedFile) -> TextFile:
    names, kinds = parquet_blocks.columns(staged.local, staged.found.path)
    found, _ = layout.names(names, longest=255, taken=_OURS)
    told = dict(zip(found, kinds, strict=True))
    return TextFile(
        staged, tuple(found), lambda: parquet_blocks.blocks(staged.local, kinds), f"{staged.found.path}: Parquet", kinds=told
    )


def _csv(staged: StagedFile, said: FileOptions, folder: Path) -> TextFile:
    reading, title = _found_out(staged, said, folder)
    cells = reading.layout.cells
    names, _ = layout.names(cells, longest=255, taken=_OURS)
    return TextFile(
        staged=staged,
        names=tuple(names),
        blocks=lambda: blocks(reading),
        said=f"{staged.found.path}: {title}",
        comma=reading.dialect.separator == ";",
        options=_options(reading),
    )


def _options(reading: FileFormat) -> dict[str, Any]:
    dialect = reading.dialect
    name = {"utf-8-sig": "utf-8", "cp1252": "windows-1252"}.get(reading.encoding.codec, reading.encoding.codec)
    found: dict[str, Any] = {"encoding": name, "separator": {"\t": "tab", "\0": "none"}.get(dialect.separator, dialect.separator)}
    found |= {"quote": dialect.quote or "none"} | ({"escape": "backslash"} if dialect.escape else {})
    return found | {"header": reading.layout.header}


def _found_out(staged: StagedFile, said: FileOptions, folder: Path) -> tuple[FileFormat, str]:
    """How the file is to be read, told from how it begins, and in a few words.

    Lines that are in the way of that are left to the reader, which names them.
    """
    encoding = find_encoding(staged.local, said.encoding, strict=False)
    text = _beginning(staged.local, encoding)
    lines, left = list(io.StringIO(text, newline="")), set[int]()
    as_utf8 = Encoding("utf-8", encoding.name, encoding.example)
    while True:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", dir=folder, suffix=".csv") as sample:
            sample.writelines("\n" if number in left else line for number, line in enumerate(lines, 1))
            sample.flush()
            try:
                reading, found = settled(Path(sample.name), replace(said, encoding=None), as_utf8)
                break
            except SourceError as error:
                at = re.search(r", line (\d+)\Z", error.where)
                line = int(at[1]) if at else 0
                if line < 2 or line in left or len(left) == _PATIENCE:
                    remedy = re.sub(
                        r"\b(ENCODING|SEPARATOR|QUOTE|ESCAPE|HEADER)=", lambda each: f"csv.{each[1].lower()}: ", error.remedy
                    )
                    where = staged.found.path + (f", line {line}" if line else "")
                    raise SourceError(where, error.seen, error.wanted, remedy) from None
                left.add(line)
    wrong = found.wrong + len(left)
    if wrong > max(found.rows, _FEW):
        seen = f"{wrong} of its first {wrong + found.rows} rows don't fit {described(reading)}: {found.problems[0][1] if found.problems else 'quotes'}"
        raise SourceError(
            staged.found.path,
            seen,
            remedy="Put the right file there, or say how it is meant in sources.yml: csv.separator, csv.quote, csv.header",
        )
    whole = FileFormat(staged.local, encoding, reading.dialect, reading.layout)
    return whole, described(whole)


def _beginning(path: Path, encoding: Encoding) -> str:
    """The first lines of a file, whole."""
    with path.open("rb") as file:
        piece = file.read(_SAMPLE)
        is_all = not file.read(1)
    text = piece.decode(encoding.codec, "replace")
    return text if is_all else text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text
