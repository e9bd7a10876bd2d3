"""Documents of JSON files, each with the text that it has in the file, block by block; what is no document, by its line.

DuckDB's parser tells documents apart. It takes more for JSON than there is (`NaN`, a comma before a bracket): what looks so is held
against Python's. Documents of an array are looked for in the file one behind the other, so that nothing between them is lost.
"""

import json
import mmap
import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from ingestion.sources.files.csv_blocks import BLOCK, LANES, Block, Reject
from lakehouse.engines.standard import literal, quote
from lakehouse.errors import SourceError

_LONGEST = 256 * 2**20  # bytes of a document
_ROWS = 10_000
_BETWEEN = re.compile(rb"[\s,]*")
_BOM = b"\xef\xbb\xbf"
# Outside of a text it is no JSON; inside it may be, so that what matches is looked at again.
_LENIENT = r"(?i)[\[:,]\s*-?(?:nan|inf)|^\s*-?(?:nan|inf)|,\s*[\]}]"
_WRAPPED = ("$oid", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$date", "$uuid")


def is_array_or_object(path: Path) -> str:
    """How a file of JSON begins: `[`, `{`, or something else."""
    with path.open("rb") as file:
        start = file.read(4096).removeprefix(_BOM).lstrip()
    return start[:1].decode("ascii", "replace")


def lines(path: Path, keys: Sequence[str], size: int = BLOCK) -> Iterator[Block]:
    """A document a line; a blank line is none.

    Args:
        keys: fields whose text is told beside.
    """
    with duckdb.connect(config={"threads": 1}) as base, ThreadPoolExecutor(LANES) as pool:
        waiting: deque[Future[Block]] = deque()

        def judged(data: bytes, line: int) -> Block:
            texts, numbers, rejects = _split(data, line)
            with base.cursor() as reader:
                return _judged(reader, texts, numbers, keys=keys, rejects=rejects)

        for data, line in _pieces(path, size):
            waiting.append(pool.submit(judged, data, line))
            if len(waiting) > LANES:
                yield waiting.popleft().result()
        for each in waiting:
            yield each.result()


def _pieces(path: Path, size: int) -> Iterator[tuple[bytes, int]]:
    """Whole lines, and the number of the first."""
    with path.open("rb") as file:
        rest, line, more = file.read(len(_BOM)).removeprefix(_BOM), 1, b"x"
        while more:
            more = file.read(size)
            rest += more
            cut = rest.rfind(b"\n") + 1 if more else len(rest)
            if len(rest) - cut > _LONGEST:
                seen = f"is longer than {_LONGEST >> 20} MB"
                raise SourceError(f"{path}, line {line}", seen, remedy="Say format: json, if it is one document")
            if cut:
                yield rest[:cut], line
                line += rest.count(b"\n", 0, cut)
                rest = rest[cut:]


def _split(data: bytes, line: int) -> tuple[pa.Array, pa.Array, list[Reject]]:
    """The lines of a block and their numbers, without blank ones; what is no UTF-8 is refused."""
    count = data.count(b"\n") + (not data.endswith(b"\n"))
    if b"\x1f" not in data and b"\0" not in data and data.count(b"\r") == data.count(b"\r\n"):
        options = csv.ParseOptions(delimiter="\x1f", quote_char=False, ignore_empty_lines=True)
        convert = csv.ConvertOptions(column_types={"0": pa.string()}, null_values=[], strings_can_be_null=False)
        try:
            table = csv.read_csv(
                pa.py_buffer(data),
                csv.ReadOptions(column_names=["0"], block_size=len(data) + 1, use_threads=False),
                options,
                convert,
            )
        except pa.ArrowInvalid:
            table = None
        if table is not None and table.num_rows == count:
            return table.column("0").combine_chunks(), pa.array(range(line, line + count), pa.int64()), []
    texts, numbers, rejects = list[str](), list[int](), list[Reject]()
    for number, text in enumerate(data.split(b"\n"), line):
        try:
            if text.strip():
                texts.append(text.rstrip(b"\r").decode())
                numbers.append(number)
        except UnicodeDecodeError as error:
            rejects.append(Reject(number, f"byte 0x{text[error.start]:02X} is no UTF-8", text.decode("utf-8", "backslashreplace")))
    return pa.array(texts, pa.string()), pa.array(numbers, pa.int64()), rejects


def documents(path: Path, keys: Sequence[str], where: str) -> Iterator[Block]:
    """The documents of an array, or those that stand one behind the other.

    Args:
        where: how the file is called, for errors.

    Raises:
        SourceError: the file is not that, named by the place where it breaks off.
    """
    with duckdb.connect(config={"threads": 1}) as reader:
        for texts, numbers in _found(path, where):
            yield _judged(reader, pa.array(texts, pa.string()), pa.array(numbers, pa.int64()), keys=keys, rejects=[])


def check(path: Path, where: str) -> None:
    """Look for all documents of a file, so that nothing of it is taken if it breaks off in the middle. Raises as `documents` does."""
    for _ in _found(path, where):
        pass


def _found(path: Path, where: str) -> Iterator[tuple[list[str], list[int]]]:
    """Texts of documents and the lines on which they begin."""
    form = "array" if is_array_or_object(path) == "[" else "unstructured"
    options = f"format={literal(form)}, maximum_object_size={_LONGEST}"
    with _mapped(path) as content, duckdb.connect(config={"threads": 1}) as reader:
        if form == "array" and re.match(rb"\s*\]\s*\Z", content[_start(content) + 1 : _start(content) + 4096]) is not None:
            return
        place, line = _start(content) + (form == "array"), 1 + content[: _start(content)].count(b"\n")
        with _told_of(where):
            found = reader.execute(f"select json::varchar from read_json_objects({literal(str(path))}, {options})")
            batches = iter(found.fetch_record_batch(_ROWS))
        while True:
            with _told_of(where):
                batch = next(batches, None)
            if batch is None:
                break
            texts, numbers = batch.column(0).to_pylist(), list[int]()
            for text in texts:
                raw = text.encode()
                between = _BETWEEN.match(content, place)
                assert between
                line += between[0].count(b"\n")
                if between[0].count(b",") > 1 or not content[between.end() : between.end() + len(raw)] == raw:
                    raise _lost(where, line)
                numbers.append(line)
                line += raw.count(b"\n")
                place = between.end() + len(raw)
            yield texts, numbers
        end = content[place:]
        if not re.fullmatch(rb"\s*\]\s*" if form == "array" else rb"\s*", end):
            raise _lost(where, line)


def _lost(where: str, line: int) -> SourceError:
    return SourceError(f"{where}, line {line}", "is no JSON from here on", "an array of documents, or one behind the other")


def _start(content: mmap.mmap) -> int:
    found = re.match(rb"(?:\xef\xbb\xbf)?\s*", content)
    return found.end() if found else 0


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


@contextmanager
def _told_of(where: str) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        found = re.search(r"at byte (\d+)[^:]*: (.*)", str(error))
        reason = found[2].split(". Try")[0] if found else str(error).splitlines()[0][:200]
        raise SourceError(where, f"is no JSON: {reason}", "an array of documents, or one behind the other") from None


def _judged(
    reader: duckdb.DuckDBPyConnection, texts: pa.Array, numbers: pa.Array, keys: Sequence[str], rejects: list[Reject]
) -> Block:
    """The documents that are such, with the texts of their keys."""
    reader.register("documents", pa.table({"document": texts}))
    told = [f"{_text_of(key)} as {quote(str(place))}" for place, key in enumerate(keys)]
    told += ["coalesce(json_type(parsed), '') as kind", f"regexp_matches(document, {literal(_LENIENT)}) as odd"]
    sound = "select document, try_cast(document as json) as parsed from documents"
    found = reader.execute(f"select {', '.join(told)} from ({sound})").to_arrow_table()
    reader.unregister("documents")
    kinds = found.column("kind")
    good = pc.equal(kinds, "OBJECT").combine_chunks().to_numpy(zero_copy_only=False).copy()
    for place in pc.indices_nonzero(found.column("odd")).to_pylist():
        good[place] = good[place] and not _strictly(texts[place].as_py())
    for place in (~good).nonzero()[0].tolist():
        text, kind = texts[place].as_py(), kinds[place].as_py()
        reason = _strictly(text) or (f"is JSON, but no object: {kind.lower()}" if kind else "is no JSON that can be read")
        rejects.append(Reject(numbers[place].as_py(), reason, text[:100_000]))
    columns = [*(found.column(str(place)) for place in range(len(keys))), texts, numbers]
    rows = pa.table(columns, [*(str(place) for place in range(len(keys) + 1)), "line"])
    return Block(rows if good.all() else rows.filter(pa.array(good)), rejects)


def _text_of(key: str | None) -> str:
    """Expression: the text of a field that names a document, out of its wrapper; the document itself, for None."""
    if key is None:
        return "document"
    field = f"json_extract(parsed, {literal(_path(key))})"
    inner = ", ".join(f"{field} ->> {literal(_path(name))}" for name in _WRAPPED)
    return f"case json_type({field}) when 'OBJECT' then coalesce({inner}, {field}::varchar) when 'NULL' then null else {field} ->> '$' end"


def _path(key: str) -> str:
    return '$."' + key.replace('"', '\\"') + '"'


def _strictly(text: str) -> str:
    """Why a text is no JSON; empty if it is."""

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is no number of JSON")

    try:
        json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        return f"is no JSON: {error}"
    return ""
