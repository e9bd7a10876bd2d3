"""Rows of a Parquet file, in the types that bronze has for them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.sources.files import casts
from ingestion.sources.files.csv_blocks import Block
from lakehouse.errors import SourceError

_ROWS = 65_536


def columns(path: Path, where: str) -> tuple[list[str], list[str]]:
    """Names and kinds of the columns.

    Args:
        where: how the file is called, for errors.

    Raises:
        SourceError: it is no Parquet, or has columns that bronze has no type for.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(where, f"is no Parquet that can be read: {error}", remedy="Put it there anew") from None
    kinds = [_kind(field.type) for field in schema]
    if odd := [f"{field.name} ({field.type})" for field, kind in zip(schema, kinds, strict=True) if not kind]:
        raise SourceError(
            where, f"has columns of types that are not taken: {', '.join(odd)}", "plain columns", "Write nested ones as JSON"
        )
    return list(schema.names), kinds


def _kind(type_: pa.DataType) -> str:
    """The kind of a type; empty for one that bronze has none for."""
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    if pa.types.is_uint64(type_):
        return "number(20,0)"
    if pa.types.is_decimal(type_):
        return f"number({type_.precision},{type_.scale})" if type_.precision <= 38 and 0 <= type_.scale <= type_.precision else ""
    if pa.types.is_timestamp(type_):
        return "timestamp with zone" if type_.tz else "timestamp"
    tests = {
        "integer": pa.types.is_integer,
        "double": pa.types.is_floating,
        "boolean": pa.types.is_boolean,
        "date": pa.types.is_date,
        "time": pa.types.is_time,
        "text": lambda each: pa.types.is_string(each) or pa.types.is_large_string(each) or pa.types.is_string_view(each),
        "binary": lambda each: pa.types.is_binary(each) or pa.types.is_large_binary(each) or pa.types.is_fixed_size_binary(each),
    }
    return next((kind for kind, is_it in tests.items() if is_it(type_)), "")


def blocks(path: Path, kinds: Sequence[str]) -> Iterator[Block]:
    """The rows; `line` is a row's number, from 1.

    Raises:
        SourceError: a value does not fit, as nanoseconds do not that are no whole microseconds.
    """
    line = 1
    targets = [casts.target(kind) for kind in kinds]
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS, use_threads=False):
            try:
                found = [column.cast(target) for column, target in zip(batch.columns, targets, strict=True)]
            except pa.ArrowInvalid as error:
                raise SourceError(
                    path.name, f"holds a value that bronze has no place for: {error}", remedy="Write it as text"
                ) from None
            numbers = pa.array(range(line, line + batch.num_rows), pa.int64())
            line += batch.num_rows
            yield Block(pa.table([*found, numbers], [*map(str, range(len(found))), "line"]))
