"""The key that a user names a row by: read by the columns' types, and put into SQL as literals of these types."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lakehouse import values as held
from lakehouse.engines.dialect import WHOLE, Dialect, Types
from lakehouse.errors import SettingsError

_SQL = {"float": "float", "double": "double", "date": "date", "timestamp": "timestamptz", "timestamp_ntz": "timestamp"}  # of DuckDB
_SPARK = {"timestamp": "timestamp", "timestamp_ntz": "timestamp_ntz"}
_YEAR = re.compile(r"([-+]?)(\d{4,})(-\d\d-\d\d)([ T][\d:.]+)?( BC)?")


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _text(text: str) -> str:
    text.encode()  # half a character, as JSON can say it, is no value: a ValueError
    return text


def _time(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """A day or a time, also as PostgreSQL and Spark write those that Python can't hold."""

    def make(text: str) -> Any:
        try:
            return read(text)
        except ValueError:
            found = _YEAR.fullmatch(text)
            if not found:
                raise
            year = int(found[1] + found[2]) if not found[5] else 1 - int(found[2])
            sign = "-" if year < 0 else "+" if year > 9999 else ""
            return f"{sign}{abs(year):04}{found[3]}{(found[4] or '').replace('T', ' ')}"

    return make


def _bytes(text: str) -> bytes:
    r"""PostgreSQL's `\x00ff`."""
    if not text.startswith("\\x"):
        raise ValueError(text)
    return bytes.fromhex(text[2:])


def _decimal(text: str) -> Decimal:
    if not (made := Decimal(text)).is_finite():
        raise ValueError(text)
    return made


_READ: dict[str, Callable[..., Any]] = {
    "float": float,
    "double": float,
    "date": _time(date.fromisoformat),
    "timestamp": _time(datetime.fromisoformat),
    "timestamp_ntz": _time(datetime.fromisoformat),
    "boolean": _boolean,
    "string": _text,
    "decimal": _decimal,
    "binary": _bytes,
    **dict.fromkeys(WHOLE, int),
}


def read(text: str, key: tuple[str, ...], types: Types) -> dict[str, Any]:
    """`42`, `1,2` or `{"a": 1, "b": 2}` as values of the columns `key`.

    Raises:
        SettingsError: not as many values as columns, other columns, or a value that its column can't hold.
    """
    return {name: _value(name, said, types[name]) for name, said in _parts(text, key).items()}


def _parts(text: str, key: tuple[str, ...]) -> dict[str, Any]:
    wanted = f"{', '.join(key)}: KEY=1{',2' * (len(key) - 1)} or KEY='{json.dumps(dict.fromkeys(key, 1))}'"
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
        except ValueError:
            raise SettingsError("KEY", f"{text} is no JSON", wanted, "Correct it") from None
        if set(found) != set(key):
            raise SettingsError("KEY", f"names {', '.join(found) or 'nothing'}", wanted, "Name each column of the key")
        return {name: found[name] for name in key}
    values = [text] if len(key) == 1 else [part.strip() for part in text.split(",")]
    if len(values) != len(key):
        raise SettingsError("KEY", f"has {len(values)} values", wanted, "Name each column of the key")
    return dict(zip(key, values, strict=True))


def _value(name: str, said: Any, kind: str) -> Any:
    reads = _READ.get(kind.split("(")[0])
    if reads is None:
        raise SettingsError("KEY", f"{name} is a {kind}", "a column of one plain value", "Rows can't be named by it")
    if isinstance(said, bool):
        said = str(said).lower()
    try:
        if not isinstance(said, str):
            raise ValueError
        return reads(said)
    except (ValueError, KeyError, InvalidOperation):
        raise SettingsError("KEY", f"{said!r} is no {kind}", f"a value of {name}", "Correct it") from None


def condition(values: Mapping[str, Any], types: Types, dialect: Dialect) -> str:
    """SQL that is true of the rows with these values; a value is only ever a literal."""
    return " and ".join(f"{dialect.column(name)} = {literal(value, types[name], dialect)}" for name, value in values.items())


def literal(value: Any, kind: str, dialect: Dialect) -> str:
    """`value` as a literal of the Delta type `kind`."""
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, bytes):
        return f"X'{value.hex()}'" if dialect.is_spark else f"from_hex('{value.hex()}')"
    if kind == "string":
        return dialect.literal(str(value))
    said = held.text(value) if dialect.is_spark or not held.is_beyond(value) else _in_duckdb(value)
    return (
        f"cast({dialect.literal(said)} as {_SPARK.get(kind, _SQL.get(kind, kind)) if dialect.is_spark else _SQL.get(kind, kind)})"
    )


def _in_duckdb(beyond: str) -> str:
    """`0044-03-15 (BC)` for `-0043-03-15`."""
    found = _YEAR.fullmatch(beyond)
    assert found
    year, rest = int(found[1] + found[2]), found[4] or ""
    return f"{1 - year:04}{found[3]} (BC){rest}" if year < 1 else f"{year}{found[3]}{rest}"


def told(values: Mapping[str, Any]) -> str:
    """`order_id=42, line_number=1`."""
    return ", ".join(f"{name}={held.text(value)}" for name, value in values.items())
