"""Engines that are asked about a table's rows, and what each spells otherwise."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

Ask = Callable[[str], Iterable[Iterable[Any]]]  # runs a query
Types = Mapping[str, str]  # column name to Delta's name of its type
# Whole numbers, the narrowest first: Delta's name and that of Spark's SQL.
WHOLE = {"byte": "tinyint", "short": "smallint", "integer": "int", "long": "bigint"}
NUMERIC = (*WHOLE, "float", "double", "decimal")


@dataclass(frozen=True)
class Dialect:
    """How an engine spells what differs, and what is not the same there as in Spark."""

    quote: str
    escaped: str  # what a quote within a text becomes
    matches: str  # a regular expression that is found somewhere
    is_spark: bool
    time: str  # the type of a time that has a zone
    gathered: str  # a column's values as one sorted list

    def as_time(self, text: str) -> str:
        """The moment that `text` says, in UTC unless it says otherwise."""
        return f"cast({text} as {self.time})"

    def shown(self, column: str, kind: str) -> str:
        """`column`, of Delta's type `kind`, as it is told: times without a zone; of a float the digits that it is written with."""
        if kind in ("float", "array<float>"):
            text, double = ("string", "double") if self.is_spark else ("varchar", "double")
            many = "{}" if kind == "float" else "array<{}>" if self.is_spark else "{}[]"
            return f"cast(cast({column} as {many.format(text)}) as {many.format(double)})"
        # Not `at time zone`, which bends what is some hundred thousand years away.
        return f"make_timestamp(epoch_us({column}))" if kind == "timestamp" and not self.is_spark else column

    def listed(self, query: str, column: str) -> str:
        """Query of one row: the sorted list of the `column` of `query`."""
        return f"select {self.gathered.format(column=column)} from ({query})"

    def gather(self, columns: Iterable[str]) -> str:
        """Aggregate: all rows as a list of structs of `columns`, whose names need no quotes."""
        pairs = [(f"'{name}'", name) for name in columns]
        if self.is_spark:
            return f"collect_list(named_struct({', '.join(f'{name}, {value}' for name, value in pairs)}))"
        return f"list({{{', '.join(f'{name}: {value}' for name, value in pairs)}}})"

    def column(self, name: str) -> str:
        """`name` as an identifier."""
        return self.quote + name.replace(self.quote, 2 * self.quote) + self.quote

    def literal(self, value: Any) -> str:
        """`value` as Great Expectations would hand it to Spark: a float is a double, not a decimal."""
        if isinstance(value, str | date):
            value = str(value)
            text: str = value.replace("\\", "\\\\") if self.is_spark else value
            return "'" + text.replace("'", self.escaped) + "'"
        return f"{value!r}e0" if isinstance(value, float) and "e" not in repr(value) else str(value).lower()


SPARK = Dialect(
    quote="`",
    escaped="\\'",
    matches="{column} rlike {regex}",
    is_spark=True,
    time="timestamp",
    gathered="array_sort(collect_list({column}))",
)
DUCKDB = Dialect(
    quote='"',
    escaped="''",
    matches="regexp_matches({column}, {regex})",
    is_spark=False,
    time="timestamptz",
    gathered="list_sort(list({column}))",
)


@dataclass(frozen=True)
class Engine:
    """Who can be asked about a table's rows."""

    ask: Ask
    rows: str  # the query whose rows are judged
    dialect: Dialect
