"""PostgreSQL types to Delta types, and the SELECT expressions that carry values over exactly. Pure; no I/O.

A value that the Delta type cannot hold (NaN in a decimal, an infinite date, a second dimension in an array) leaves the
column null and its text in `_flags`, a JSON object of column to text: never a silent null, never a bent value.
"""

import json

import pyarrow as pa

from ingestion.bronze.columns import ColumnMapping, SourceColumn
from lakehouse.engines.standard import literal, quote

_UTC = pa.timestamp("us", tz="UTC")
# Types whose binary form the reader decodes exactly, by their name in pg_type.
_EXACT: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "text": pa.string(),
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": _UTC,
}
# How columns travel, as a number that grows when a type travels otherwise than before, and what travels so since then.
MAPPING = 2
_REMAPPED = {2: ("inet", "inet[]", "money[]", "reg")}  # inet without /32, money[] and regclass whatever the session says
_CAST: dict[str, tuple[str, pa.DataType]] = {
    "oid": ("bigint", pa.int64()),
    "money": ("numeric(19,2)", pa.decimal128(19, 2)),
}
# Conditions on a value `{0}` that Delta cannot hold. PostgreSQL counts microseconds from 2000 and Delta from 1970, so the
# last thirty years of its range are beyond what Delta can count.
_BEYOND = {
    "date": "not isfinite({0})",
    "timestamp": "(not isfinite({0}) or {0} > '294247-01-09')",
    "timestamptz": "(not isfinite({0}) or {0} > '294247-01-09 00:00+00')",
}
# What the reader makes of them: infinities stay, years beyond the range come out before its beginning.
_DOUBT = {
    "date": "isinf({0})",
    "timestamp": "not ({0} between '4714-01-01 (BC)' and '294247-01-09')",
    "timestamptz": "not ({0} between '4714-01-01 (BC) 00:00:00+00' and '294247-01-09 00:00:00+00')",
}
_BEYOND_ARRAY = {
    "date": ("'infinity' = any ({0})", "'-infinity' = any ({0})"),
    "timestamp": ("'294247-01-09' < any ({0})", "'-infinity' = any ({0})"),
    "timestamptz": ("'294247-01-09 00:00+00' < any ({0})", "'-infinity' = any ({0})"),
}


def map_column(
    column: SourceColumn, decimal: tuple[int, int] | None = None, as_text: bool = False, encoding: str = "UTF8"
) -> ColumnMapping:
    """How `column` travels. Every type has a way: what has no exact counterpart goes as its canonical text.

    Args:
        decimal: precision and scale that the user wants for a numeric which would travel as text; a value that does not
            fit refuses the table.
        as_text: whether it goes as what PostgreSQL prints, whatever its type.
        encoding: of the database; one that does not say what its bytes mean (SQL_ASCII) sends only those that are UTF-8.
    """
    shown = printed(quote(column.name), column.type_name, column.is_array)
    found = ColumnMapping(column, shown, None, pa.string()) if as_text else _map(column, decimal)
    if encoding == "SQL_ASCII" and pa.types.is_string(found.target):
        bad = f"({found.source}) ~ '[^\\x01-\\x7f]' and encode(convert_to({found.source}, 'SQL_ASCII'), 'hex') !~ {literal(_UTF8)}"
        shown = f"'\\x' || encode(convert_to({found.source}, 'SQL_ASCII'), 'hex')"
        return ColumnMapping(column, f"case when {bad} then null else {found.source} end", bad, pa.string(), shown=shown)
    return found


# Bytes of well-formed UTF-8 in hex (RFC 3629, section 4).
_TAIL = "[89ab]."
_UTF8 = (
    rf"^([0-7].|c[2-9a-f]{_TAIL}|d.{_TAIL}|e0[ab].{_TAIL}|e[1-9a-cef]({_TAIL}){{2}}|ed[89].{_TAIL}|f0[9ab].({_TAIL}){{2}}"
    rf"|f[1-3]({_TAIL}){{3}}|f48.({_TAIL}){{2}})*$"
)


def printed(value: str, type_name: str, is_array: bool = False) -> str:
    """What PostgreSQL prints of `value`: its output function's text, which a cast to text is not for every type."""
    own = {"inet": "inet_out", "bpchar": "bpcharout", "bool": "boolout"}
    if is_array:
        return f"textin(array_out({value}))"
    if type_name in own:
        return f"textin({own[type_name]}({value}))"
    if "." in type_name:  # somebody's own, whose casts nobody here knows
        return f"case when {value} is distinct from null then format('%s', {value}) end"  # a row of nulls is null, and is something
    return f"{value}::text"


def remapped(column: SourceColumn, since: int) -> bool:
    """Whether the column travels otherwise than under mapping `since`."""
    name = f"{column.type_name}{'[]' if column.is_array else ''}"
    kinds = [kind for version, kinds in _REMAPPED.items() if version > since for kind in kinds]
    return name in kinds or ("reg" in kinds and column.type_name.startswith("reg"))


def _map(column: SourceColumn, decimal: tuple[int, int] | None) -> ColumnMapping:
    if decimal and not column.is_array and column.type_name == "numeric" and decimal_of(column.typmod) is None:
        return _map_fitted(column, *decimal)
    return _map_array(column) if column.is_array else _map_scalar(column)


def _map_fitted(column: SourceColumn, precision: int, scale: int) -> ColumnMapping:
    name = quote(column.name)
    special = f"{name} in ('NaN', 'Infinity', '-Infinity')"
    told = f"('column ' || {literal(column.name)} || ' holds ' || {name} || ', which decimal({precision},{scale}) does not')::int::numeric"
    fitted = f"when scale(trim_scale({name})) > {scale} or abs({name}) >= 1e{precision - scale} then {told}"
    source = f"(case when {special} then null {fitted} else {name} end)::numeric({precision},{scale})"
    return ColumnMapping(column, source, special, pa.decimal128(precision, scale))


def _map_scalar(column: SourceColumn) -> ColumnMapping:
    name = quote(column.name)
    if column.type_name == "numeric":
        return _map_numeric(column, name)
    if column.type_name == "bpchar":  # a cast to text would cut the padding, and so does the reader
        return ColumnMapping(column, f"textin(bpcharout({name}))", None, pa.string())
    if column.type_name in _EXACT:
        special = _BEYOND[column.type_name].format(name) if column.type_name in _BEYOND else None
        return ColumnMapping(
            column=column, source=name, special=special, target=_EXACT[column.type_name], doubt=_DOUBT.get(column.type_name)
        )
    if column.type_name in _CAST:
        cast, target = _CAST[column.type_name]
        return ColumnMapping(column, f"{name}::{cast}", None, target)
    return ColumnMapping(column, printed(name, column.type_name), None, pa.string())


def decimal_of(typmod: int) -> tuple[int, int] | None:
    """Precision and scale of the decimal that holds every value of numeric with `typmod`; None if none does."""
    if typmod < 4:
        return None
    precision, scale = ((typmod - 4) >> 16) & 0xFFFF, (typmod - 4) & 0x7FF
    scale = (scale ^ 1024) - 1024  # an 11-bit signed number since PostgreSQL 15
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    return (precision, scale) if precision <= 38 else None


def _map_numeric(column: SourceColumn, name: str) -> ColumnMapping:
    held = decimal_of(column.typmod)
    if held is None:
        return ColumnMapping(column, f"{name}::text", None, pa.string())
    precision, scale = held
    # The cast restores the modifier where the catalog's was an odd one; on the others PostgreSQL leaves it out.
    return ColumnMapping(column, f"{name}::numeric({precision},{scale})", f"{name} = 'NaN'", pa.decimal128(precision, scale))


def _map_array(column: SourceColumn) -> ColumnMapping:
    name = quote(column.name)
    if column.declared_dimensions > 1:
        return ColumnMapping(column, f"to_json({name})::text", None, pa.string())
    cast, element, bad = _element(column)
    many = f"array_ndims({name}) > 1"
    special = " or ".join([many, *(condition.format(name) for condition in bad)])
    # A value with more dimensions than declared would stop the reader: it travels in _flags alone.
    if column.type_name in ("bpchar", "inet") or "." in column.type_name:  # a cast of the array would cast each as it likes
        each = f"array(select {printed('e', column.type_name)} from (select unnest({name}) e, generate_subscripts({name}, 1) n) u order by n)"
        return ColumnMapping(column, f"case when {many} or {name} is null then null else {each} end", special, pa.list_(element))
    return ColumnMapping(column, f"(case when {many} then null else {name} end){cast}", special, pa.list_(element))


def _element(column: SourceColumn) -> tuple[str, pa.DataType, tuple[str, ...]]:
    kind = column.type_name
    held = decimal_of(column.typmod) if kind == "numeric" else None
    if held:
        return f"::numeric({held[0]},{held[1]})[]", pa.decimal128(*held), ("'NaN' = any ({0})",)
    if kind in _EXACT and kind != "bytea":
        return "", _EXACT[kind], _BEYOND_ARRAY.get(kind, ())
    return "::text[]", pa.string(), ()


def flags(mapped: list[ColumnMapping]) -> str:
    """SQL for `_flags`: null for a row that travels whole, else a JSON object of column to text."""
    special = [item for item in mapped if item.special]
    if not special:
        return "null::text"
    names = ", ".join(literal(item.column.name) for item in special)
    shown = ((item.special, item.shown or f"{quote(item.column.name)}::text") for item in special)
    values = ", ".join(f"case when {condition} then {text} end" for condition, text in shown)
    anything = " or ".join(f"({item.special})" for item in special)
    return f"case when {anything} then jsonb_strip_nulls(jsonb_object(array[{names}], array[{values}]))::text end"


def received(item: ColumnMapping, arrived: str, target: str, asked: bool = True, is_key: bool = False) -> str:
    """DuckDB's expression for the column that arrived as `arrived`, null where `_flags` names it, under its name in Delta.

    Args:
        asked: whether `_flags` may name it.
        is_key: whether rows are told apart by it: then a value that Delta can't hold ends the copy with an error.
    """
    if item.special is None or not asked:
        return f"{arrived} as {quote(target)}"
    mark = json.dumps(item.column.name, ensure_ascii=False) + ": "
    held = f"_flags is null or not (starts_with(_flags, {literal('{' + mark)}) or contains(_flags, {literal(', ' + mark)}))"
    told = f"key column {item.column.name} {KEY_HELD}: "
    wrong = f" else error({literal(told)} || _flags)"
    return f"case when {held} then {arrived}{wrong if is_key else ''} end as {quote(target)}"


KEY_HELD = "holds a value that Delta does not"  # in what a task says of such a key
