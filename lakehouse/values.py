"""Values as Python, JSON and people can hold them, whatever engine they come from and wherever this process runs.

A time or a day that Python's calendar can't hold (before year 1, after 9999) is text as Spark and ISO 8601 write it: `-0043-03-15`
is the year 44 before Christ, `+10000-01-01` what follows 9999-12-31. Times have no zone of the machine: they are UTC.
"""

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_DAY = 86_400_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1)
_EPOCH_DAY = _EPOCH.toordinal()
_CYCLE = 146_097  # days in 400 years, after which the calendar is the same again
_FIRST, _LAST = date.min.toordinal() - _EPOCH_DAY, date.max.toordinal() - _EPOCH_DAY
_BEYOND = re.compile(r"(?:[-+]\d{4,}|0000)-\d\d-\d\d(?: [\d:.]+)?")


def of_day(days: int) -> date | str:
    """The day so many days after 1970-01-01."""
    if _FIRST <= days <= _LAST:
        return date.fromordinal(days + _EPOCH_DAY)
    cycles, within = divmod(days + _EPOCH_DAY - 1, _CYCLE)
    same = date.fromordinal(within + 1)
    year = same.year + 400 * cycles
    return f"{'-' if year < 0 else '+' if year > 9999 else ''}{abs(year):04}-{same:%m-%d}"


def of_micros(micros: int) -> datetime | str:
    """The moment so many microseconds after 1970, without a zone."""
    days, rest = divmod(micros, _DAY)
    if _FIRST <= days <= _LAST:
        return _EPOCH + timedelta(microseconds=micros)
    return f"{of_day(days)} {(_EPOCH + timedelta(microseconds=rest)).time()}"


def nearest(value: Any) -> datetime | None:
    """The time or day `value`, in UTC; one that Python can't hold as the nearest that it can. None for none."""
    if value is None:
        return None
    if isinstance(value, str):
        return (datetime.min if is_past(value) else datetime.max).replace(tzinfo=UTC)
    at: datetime = value if isinstance(value, datetime) else datetime.combine(value, datetime.min.time())
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def zoned(value: Any, kind: str) -> Any:
    """`value` of Delta's type `kind`; a time that is a moment says that it is UTC."""
    return value.replace(tzinfo=UTC) if kind == "timestamp" and isinstance(value, datetime) else value


def is_beyond(value: Any) -> bool:
    """Whether `value` is the text of a time or day that Python can't hold, if it is one of a column of times."""
    return isinstance(value, str) and _BEYOND.fullmatch(value) is not None


def is_past(value: str) -> bool:
    """Of a text that `is_beyond`, whether it lies before all that Python can hold."""
    return not value.startswith("+")


def rows(table: "pa.Table") -> list[tuple[Any, ...]]:
    """Rows of an Arrow table; times are without a zone, in UTC."""
    columns = [listed(column) for column in table.columns]
    return list(zip(*columns, strict=True)) if columns else [()] * table.num_rows


def listed(column: "pa.ChunkedArray | pa.Array") -> list[Any]:
    """A column's values."""
    read = _reader(column.type)
    if read is None:
        found: list[Any] = column.to_pylist()
        return found
    return [_one(read, value) for value in column.cast(_counted(column.type)).to_pylist()]


def bearable(table: "pa.Table") -> "pa.Table":
    """`table` for whoever makes Python's times of it: times are without a zone, in UTC; a column of which one is beyond is text."""
    import pyarrow as pa

    made = table
    for place, field in enumerate(table.schema):
        if _reader(field.type) is None:
            continue
        column = table.column(place)
        plain = _mapped(field.type, lambda kind: pa.timestamp("us") if pa.types.is_timestamp(kind) else kind)
        column = column.cast(plain)
        if any(_beyond(value) for value in listed(column)):
            texts = _mapped(field.type, lambda kind: pa.string())
            column = pa.chunked_array([pa.array([_texts(value) for value in listed(column)], type=texts)])
        made = made.set_column(place, pa.field(field.name, column.type, field.nullable), column)
    return made


def _beyond(value: Any) -> bool:
    return is_beyond(value) or any(map(_beyond, _within(value)))


def _within(value: Any) -> Iterator[Any]:
    yield from value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()


def _texts(value: Any) -> Any:
    if isinstance(value, date):
        return str(value)
    if isinstance(value, dict):
        return {name: _texts(each) for name, each in value.items()}
    return type(value)(map(_texts, value)) if isinstance(value, list | tuple) else value


def _reader(kind: "pa.DataType") -> Callable[[Any], Any] | None:
    """Makes values of the counted days and microseconds; None where there are none."""
    import pyarrow as pa

    if pa.types.is_date(kind):
        return of_day
    if pa.types.is_timestamp(kind):
        return of_micros
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _of_list(_reader(kind.value_type))
    if pa.types.is_map(kind):
        return _of_map(_reader(kind.key_type), _reader(kind.item_type))
    return _of_struct({field.name: _reader(field.type) for field in kind}) if pa.types.is_struct(kind) else None


def _of_list(read: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return (lambda value: [_one(read, each) for each in value]) if read else None


def _of_map(key: Callable[[Any], Any] | None, item: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return (lambda value: [(_one(key, name), _one(item, each)) for name, each in value]) if key or item else None


def _of_struct(reads: dict[str, Callable[[Any], Any] | None]) -> Callable[[Any], Any] | None:
    return (lambda value: {name: _one(reads[name], each) for name, each in value.items()}) if any(reads.values()) else None


def _one(read: Callable[[Any], Any] | None, value: Any) -> Any:
    return value if value is None or read is None else read(value)


def _counted(kind: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa

    return _mapped(kind, lambda each: pa.int32() if pa.types.is_date(each) else pa.int64())


def _mapped(kind: "pa.DataType", make: "Callable[[pa.DataType], pa.DataType]") -> "pa.DataType":
    """The type with what `make` gives for times and days, wherever they are in it."""
    import pyarrow as pa

    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return make(kind)
    if pa.types.is_list(kind):
        return pa.list_(_mapped(kind.value_type, make))
    if pa.types.is_large_list(kind):
        return pa.large_list(_mapped(kind.value_type, make))
    if pa.types.is_map(kind):
        return pa.map_(_mapped(kind.key_type, make), _mapped(kind.item_type, make))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _mapped(field.type, make), field.nullable) for field in kind])
    return kind


def plain(value: Any, most: int | None = None, characters: int | None = None) -> Any:
    """`value` as JSON can hold it: numbers that it has no word for, bytes, times and all else as text.

    Args:
        most: so many elements of a list.
        characters: so many of a text.
    """
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool | int | None):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else text(value)
    if isinstance(value, dict):
        return {str(name): plain(each, most, characters) for name, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(each, most, characters) for each in list(value)[:most]]
    return text(value)[:characters]


def text(value: Any) -> str:
    """`value` as people and JSON read it: bytes in hex, NaN and infinities as PostgreSQL has them, a decimal without an exponent."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"\\x{bytes(value).hex()}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(value)
