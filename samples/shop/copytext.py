"""Columns to PostgreSQL COPY text, a whole column at a time.

A *text column* here is a pyarrow string array whose values are already escaped for COPY's text format and whose
nulls mean SQL NULL. Texts come from small pools escaped once, so no row is ever escaped on its own.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Text: TypeAlias = Any  # a pyarrow string array or scalar: pyarrow ships no types

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Chunk(NamedTuple):
    """Some rows of one table, ready for `COPY table (columns) FROM STDIN`."""

    table: str
    columns: tuple[str, ...]
    payload: bytes
    rows: int


def escaped(value: str) -> str:
    """`value` as COPY's text format wants it."""
    return value.translate(_ESCAPES)


def pool(values: Sequence[str | None]) -> Text:
    """A small text column of raw values, to `pick` from."""
    return pa.array([None if value is None else escaped(value) for value in values], pa.string())


def array_literal(values: Sequence[str | None]) -> str:
    """A text[] literal: every element quoted, None as NULL."""
    quoted = ("NULL" if v is None else '"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values)
    return "{" + ",".join(quoted) + "}"


def json_text(value: object) -> str:
    """Compact JSON, keeping non-ASCII characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def pick(values: Text, index: Ints) -> Text:
    """`values` at `index`, as a text column of the index's length."""
    return values.take(pa.array(index))


def sparse(column: Text, keep: Flags) -> Text:
    """`column` where `keep`, NULL elsewhere."""
    return pc.if_else(pa.array(keep), column, pa.scalar(None, pa.string()))


def either(choose: Flags, yes: Text | str, no: Text | str) -> Text:
    """`yes` where `choose`, `no` elsewhere; plain strings must need no escaping."""
    return pc.if_else(pa.array(choose), yes, no)


def whole(values: npt.NDArray[Any], keep: Flags | None = None) -> Text:
    """Integers in decimal."""
    return pc.cast(pa.array(values, mask=None if keep is None else ~keep), pa.string())


def fixed(values: Ints, digits: int, keep: Flags | None = None) -> Text:
    """Non-negative integers counting units of 10**-digits (cents: digits=2), as decimals with every digit."""
    high, low = np.divmod(values, 10**digits)
    tails = pa.array([f".{tail:0{digits}d}" for tail in range(10**digits)])
    return joined(whole(high, keep), pick(tails, low))


def instants(micros: Ints, keep: Flags | None = None) -> Text:
    """Microseconds since 1970 UTC as timestamps with a zone."""
    # Written without a zone and given one after: a tenth of the time that pyarrow takes for zoned timestamps.
    stamps = pa.array(micros, pa.timestamp("us"), mask=None if keep is None else ~keep)
    return joined(pc.cast(stamps, pa.string()), "+00")


def flags(values: Flags) -> Text:
    """Booleans as JSON and PostgreSQL both read them."""
    return pc.cast(pa.array(values), pa.string())


def uuids(rng: np.random.Generator, count: int) -> Text:
    """Random version 4 UUIDs, as 32 hexadecimal digits."""
    raw = np.frombuffer(rng.bytes(16 * count), np.uint8).reshape(count, 16).copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    return hexadecimal(raw)


def hexadecimal(raw: npt.NDArray[np.uint8]) -> Text:
    """Rows of bytes, shape (n, width), as hexadecimal text."""
    count, width = raw.shape
    offsets = np.arange(count + 1, dtype=np.int32) * (2 * width)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(raw.tobytes().hex().encode()))


def joined(*parts: Text | str) -> Text:
    """The parts of each row run together; NULL where any part is NULL."""
    return pc.binary_join_element_wise(*parts, "")


def chunk(table: str, **columns: Text) -> Chunk:
    """The rows of `table` made of these equally long text columns."""
    lines = pc.binary_join_element_wise(*columns.values(), "\t", null_handling="replace", null_replacement="\\N")
    ended = pc.binary_join_element_wise(lines, "", "\n")
    data = ended.buffers()[2]
    return Chunk(table, tuple(columns), b"" if data is None else data.to_pybytes(), len(ended))
