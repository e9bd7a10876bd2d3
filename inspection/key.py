"""The key that a user names a row by: read by the columns' types, and put into SQL as literals of these types."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from expectations.condition import Dialect, Types
from lakehouse.errors import SettingsError

_WHOLE = ("byte", "short", "integer", "long")
_SQL = {"float": "float", "double": "double", "date": "date", "timestamp": "timestamptz", "timestamp_ntz": "timestamp"}  # of DuckDB
_SPARK = {"timestamp": "timestamp"}


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_READ: dict[str, Callable[..., Any]] = {
    "float": float, "double": float, "date": date.fromisoformat, "timestamp": datetime.fromisoformat,
    "timestamp_ntz": datetime.fromisoformat, "boolean": _boolean, "string": str, "decimal": Decimal,
    **dict.fromkeys(_WHOLE, int),
}  # fmt: skip


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
            found = json.loads(text, parse_float=str, parse_int=str)
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
    plain = dialect.literal(str(value))
    if kind == "string":
        return plain
    named = _SPARK.get(kind, _SQL.get(kind, kind)) if dialect.is_spark else _SQL.get(kind, kind)
    return f"cast({plain} as {'timestamp_ntz' if dialect.is_spark and kind == 'timestamp_ntz' else named})"


def told(values: Mapping[str, Any]) -> str:
    """`order_id=42, line_number=1`."""
    return ", ".join(f"{name}={value}" for name, value in values.items())
