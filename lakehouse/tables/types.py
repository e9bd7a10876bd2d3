"""Names of the types of Delta tables, and of those that people write."""

import re
from collections.abc import Callable

from deltalake import DeltaTable
from deltalake.schema import ArrayType, DataType, MapType, StructType

from lakehouse.engines.dialect import WHOLE


def spark_types(table: DeltaTable) -> dict[str, str]:
    """Column names and Delta's names of their types, as Spark writes them: `long`, `array<long>`, `struct<a:string>`."""
    return {field.name: _name(field.type) for field in table.schema().fields}


def _name(kind: DataType) -> str:
    if isinstance(kind, ArrayType):
        return f"array<{_name(kind.element_type)}>"
    if isinstance(kind, MapType):
        return f"map<{_name(kind.key_type)},{_name(kind.value_type)}>"
    if isinstance(kind, StructType):
        return f"struct<{','.join(f'{field.name}:{_name(field.type)}' for field in kind.fields)}>"
    return str(kind.type)


_DUCKDB = {
    "byte": "tinyint",
    "short": "smallint",
    "integer": "integer",
    "long": "bigint",
    "string": "varchar",
    "binary": "blob",
    "timestamp": "timestamptz",
    "timestamp_ntz": "timestamp",
}


def duckdb_type(kind: DataType) -> str:
    """DuckDB's name of a type of Delta's, for what is to be of that type and has no rows to tell it."""
    if isinstance(kind, ArrayType):
        return f"{duckdb_type(kind.element_type)}[]"
    if isinstance(kind, MapType):
        return f"map({duckdb_type(kind.key_type)}, {duckdb_type(kind.value_type)})"
    if isinstance(kind, StructType):
        fields = (f'"{field.name.replace(chr(34), 2 * chr(34))}" {duckdb_type(field.type)}' for field in kind.fields)
        return f"struct({', '.join(fields)})"
    return _DUCKDB.get(str(kind.type), str(kind.type))


_SYNONYMS = WHOLE | {
    "numeric": "decimal",
    "dec": "decimal",
    "real": "float",
    "varchar": "string",
    "char": "string",
    "character": "string",
    "character varying": "string",
    "text": "string",
    "bool": "boolean",
    "timestamp_ltz": "timestamp",
}
_TOKEN = re.compile(r"\s*(`(?:[^`]|``)*`|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[<>,:()]|[^\s<>,:()`]+)")


def one_name(written: str) -> str:
    """A type's one name in Spark's SQL, in small letters: `long` and `BIGINT` are `bigint`, `numeric(10, 2)` is `decimal(10,2)`.

    So within nested ones, where names of fields are small too (Spark tells none apart by capitals), and `not null` and comments
    go. Texts have no length: Spark's queries give none. What is no type is given back in small letters.
    """
    tokens = _TOKEN.findall(written)
    try:
        name, rest = _type(tokens)
    except (IndexError, ValueError):
        rest = ["?"]
    return re.sub(r"\s*([<>,:()])\s*", r"\1", written.strip().lower()) if rest else name


def _type(tokens: list[str]) -> tuple[str, list[str]]:
    """The type that `tokens` begin with, and what comes after it."""
    head, rest = tokens[0].lower(), tokens[1:]
    if head in ("array", "map", "struct") and rest and rest[0] in ("<", "<>"):
        inner, rest = _parts(rest[1:], _field if head == "struct" else _type)
        return f"{head}<{','.join(inner)}>", rest
    while rest and re.fullmatch(r"\w+", rest[0]) and rest[0].lower() not in ("not", "null", "comment", "default"):
        head, rest = f"{head} {rest[0].lower()}", rest[1:]  # character varying, interval day to second
    digits: list[str] = []
    if rest and rest[0] == "(":
        end = rest.index(")")
        digits, rest = [each for each in rest[1:end] if each != ","], rest[end + 1 :]
    head = _SYNONYMS.get(head, head)
    if not re.fullmatch(r"[\w ]+", head):
        raise ValueError(head)
    if head == "decimal":
        digits = [*digits, *("10", "0")[len(digits) :]]
    return head if head == "string" or not digits else f"{head}({','.join(digits)})", rest


def _parts(tokens: list[str], read: Callable[[list[str]], tuple[str, list[str]]]) -> tuple[list[str], list[str]]:
    found: list[str] = []
    while tokens[0] != ">":
        one, tokens = read(tokens[1:] if found else tokens)
        found.append(one)
        if tokens[0] not in (",", ">"):
            raise ValueError(tokens[0])
    return found, tokens[1:]


def _field(tokens: list[str]) -> tuple[str, list[str]]:
    name, rest = tokens[0], tokens[1:]
    plain = name[1:-1].replace("``", "`") if name.startswith("`") else name
    kind, rest = _type(rest[1:] if rest[0] == ":" else rest)
    if [each.lower() for each in rest[:2]] == ["not", "null"]:
        rest = rest[2:]
    if rest[0].lower() == "comment":
        rest = rest[2:]
    return f"{plain.lower()}:{kind}", rest
