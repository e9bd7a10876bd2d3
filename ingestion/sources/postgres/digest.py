"""Digests of rows that PostgreSQL and DuckDB compute alike: the same text of every value, and its MD5. Pure; no I/O.

PostgreSQL digests what it stores, DuckDB what bronze holds; equal sums say that nothing was lost or bent on the way.
Fields are set off by their lengths, null by a mark of its own, so that no two rows share a text.
"""

from collections.abc import Sequence

import pyarrow as pa

from ingestion.bronze.columns import ColumnMapping
from ingestion.sources.postgres.types import flags
from lakehouse.engines.standard import quote

_SHARE = 15  # hex digits of the MD5 that are summed: 60 bits, a bigint on both sides
BUCKETS = 4096  # three hex digits of the key's MD5


def in_source(mapped: Sequence[ColumnMapping]) -> str:
    """PostgreSQL's text of a row."""
    fields = [_source_field(_source_value(item), item.target) for item in mapped]
    return _joined([*fields, _source_field(flags(list(mapped)), pa.string())])


def in_bronze(mapped: Sequence[ColumnMapping], names: dict[str, str]) -> str:
    """DuckDB's text of a row."""
    fields = [_bronze_field(quote(names[item.column.name]), item.target) for item in mapped]
    return _joined([*fields, _bronze_field("_flags", pa.string())])


def key_in_source(mapped: Sequence[ColumnMapping]) -> str:
    """PostgreSQL's text of a key."""
    return _joined([_source_field(_source_value(item, is_key=True), item.target) for item in mapped])


def key_in_bronze(mapped: Sequence[ColumnMapping], names: dict[str, str]) -> str:
    """DuckDB's text of a key."""
    return _joined([_bronze_field(_plus(quote(names[item.column.name]), item.target), item.target) for item in mapped])


def _plus(value: str, kind: pa.DataType) -> str:
    """A key's value; both zeros of a float are one key."""
    return f"({value} + 0.0)" if pa.types.is_floating(kind) else f"({value})"


def source_number(text: str) -> str:
    """PostgreSQL's number for a text, 60 bits."""
    return f"('x' || substr({source_md5(text)}, 1, {_SHARE}))::bit(60)::bigint"


def bronze_number(text: str) -> str:
    """DuckDB's number for a text, 60 bits."""
    return f"('0x' || substr(md5({text}), 1, {_SHARE}))::bigint"


def source_bucket(text: str) -> str:
    """PostgreSQL's bucket for a key's text."""
    return f"('x' || substr({source_md5(text)}, 1, 3))::bit(12)::int"


def bronze_bucket(text: str) -> str:
    """DuckDB's bucket for a key's text."""
    return f"('0x' || substr(md5({text}), 1, 3))::int"


def source_md5(text: str) -> str:
    """PostgreSQL's MD5 of a text, in hex."""
    # Of the bytes in UTF-8, whatever the database's own encoding.
    return f"md5(convert_to({text}, 'UTF8'))"


def _joined(parts: Sequence[str]) -> str:
    """The parts one after the other, nested by halves: 1,600 columns in a row would be too deep for a parser."""
    if len(parts) < 2:
        return "".join(parts) or "''"
    half = len(parts) // 2
    return f"({_joined(parts[:half])} || {_joined(parts[half:])})"


def _source_field(value: str, kind: pa.DataType) -> str:
    # Bytes of UTF-8: characters are counted otherwise by a database that does not say what its bytes mean (SQL_ASCII).
    length = f"octet_length(convert_to({value}, 'UTF8'))" if _is_text(kind) else f"length({value})"
    return f"coalesce({length} || ':' || {value}, '~')"


def _bronze_field(column: str, kind: pa.DataType) -> str:
    value = _bronze_value(column, kind)
    return f"coalesce({'strlen' if _is_text(kind) else 'length'}({value}) || ':' || {value}, '~')"


def _is_text(kind: pa.DataType) -> bool:
    """Whether a value's text may hold more than ASCII."""
    return bool(pa.types.is_string(kind) or pa.types.is_list(kind) and _is_text(kind.value_type))


def _source_value(item: ColumnMapping, is_key: bool = False) -> str:
    value = _plus(item.source, item.target) if is_key else item.source
    if item.special:  # bronze has null there, and the value in `_flags`
        value = f"case when {item.special} then null else {value} end"
    return _source_text(f"({value})", item.target)


def _source_text(value: str, kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        element = _source_field(_source_text("e", kind.value_type), kind.value_type)
        listed = f"(select string_agg({element}, ',' order by n) from unnest{value} with ordinality u(e, n))"
        return f"case when {value} is null then null else '[' || coalesce({listed}, '') || ']' end"
    if pa.types.is_floating(kind):
        bits = f"('x' || encode(float8send({value}::float8), 'hex'))::bit(64)::text"
        return f"case when {value} = 'NaN' then 'NaN' else {bits} end"
    if pa.types.is_binary(kind):
        return f"encode({value}, 'hex')"
    if pa.types.is_date(kind):
        return f"({value} - date '1970-01-01')::text"
    if pa.types.is_timestamp(kind):
        return f"(extract(epoch from {value}) * 1000000)::bigint::text"
    if pa.types.is_boolean(kind):
        return f"{value}::int::text"
    return value if pa.types.is_string(kind) else f"{value}::text"


def _bronze_value(value: str, kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        element = _bronze_field("e", kind.value_type)
        return f"'[' || array_to_string(list_transform({value}, lambda e: {element}), ',') || ']'"
    if pa.types.is_floating(kind):
        return f"case when isnan({value}) then 'NaN' else {value}::double::bit::varchar end"
    if pa.types.is_binary(kind):
        return f"lower(hex({value}))"
    if pa.types.is_date(kind):
        return f"({value} - date '1970-01-01')::varchar"
    if pa.types.is_timestamp(kind):
        return f"epoch_us({value})::varchar"
    if pa.types.is_boolean(kind):
        return f"{value}::int::varchar"
    if pa.types.is_decimal(kind) and kind.precision == kind.scale:  # DuckDB leaves out the zero before the point
        return f"case when {value} < 0 then '-' else '' end || '0.' || split_part({value}::varchar, '.', 2)"
    return value if pa.types.is_string(kind) else f"{value}::varchar"
