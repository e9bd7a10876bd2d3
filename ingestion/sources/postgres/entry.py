"""How tables of a PostgreSQL are copied: what sources.yml says of each, and what the catalog decides where it says nothing."""

import difflib
import fnmatch
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingestion.sources.config import Section, SourceConfig, refusal, unknown
from ingestion.sources.postgres.discover import PostgresTable
from ingestion.sources.postgres.window import CURSOR_TYPES
from lakehouse.engines.standard import literal, quote
from lakehouse.errors import SourceError


class Entry(BaseModel):
    """How one table is copied; what is left out is decided from the catalog at each run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    mode: Literal["full", "incremental"] | None = None
    key: list[str] | None = None
    cursor: str | None = None  # xmin, or a column that every change moves forward
    zone: str | None = None  # whose clock fills a cursor column of times without zone
    texts: list[str] = Field(default_factory=list)  # columns to be copied as PostgreSQL prints them
    deletes: str = Field(default="compare", pattern=r"^(none|compare|soft:.+)$")  # soft: a column that marks rows as deleted
    contract: Literal["evolve", "freeze"] = "evolve"
    decimals: dict[str, Annotated[str, Field(pattern=r"^\d{1,2}, ?\d{1,2}$")]] = Field(default_factory=dict)  # column: "p,s"

    def fitted(self, column: str) -> tuple[int, int] | None:
        """Precision and scale that a numeric without its own is to have; None leaves it text."""
        if column not in self.decimals:
            return None
        precision, scale = map(int, self.decimals[column].split(","))
        return precision, scale

    @model_validator(mode="after")
    def _decimals_hold(self) -> Self:
        for column in self.decimals:
            precision, scale = self.fitted(column) or (0, 0)
            if not scale <= precision <= 38 or not precision:
                raise ValueError(f"decimals of {column}: wanted at most 38 digits, and no more of them after the point")
        return self

    @property
    def soft(self) -> str | None:
        """Column that marks a row as deleted, perhaps with `=value` or `=*`; None if rows just go."""
        return self.deletes.removeprefix("soft:") if self.deletes.startswith("soft:") else None


@dataclass(frozen=True)
class Sources:
    """What the file says of a database: its name, and its tables as `schema.table`.

    Attributes:
        is_named: whether the file says which database its tables are of; one of the older form need not.
    """

    source: str | None = None
    tables: dict[str, Entry] = field(default_factory=dict)
    is_named: bool = True


def read(section: Section) -> Sources:
    """The section with its entries judged.

    Raises:
        SettingsError: names the key that is wrong.
    """
    for name in section.options:
        raise unknown(f"sources.{section.name}.{name}", SourceConfig.model_fields)
    found = {}
    for label, said in section.tables.items():
        try:
            found[label] = Entry.model_validate(said or {})
        except ValidationError as error:
            raise refusal(error, f"{section.where}.{label}", Entry.model_fields) from None
    return Sources(section.name, found, section.is_named)


def select(tables: list[PostgresTable], patterns: str | None, sources: Sources) -> list[PostgresTable]:
    """The tables to copy: those that `patterns` (comma separated, `crm.*`) name, else every enabled one but views.

    Raises:
        SourceError: a pattern or an entry of the file names no table; nothing is left to copy.
    """
    labels = [table.label for table in tables]
    if patterns:
        parts = [patterns] if patterns in labels else [part.strip() for part in patterns.split(",") if part.strip()]
        return _matching(tables, parts)
    chosen = [table for table in tables if table.kind != "v" and sources.tables.get(table.label, Entry()).enabled]
    if not chosen:
        raise SourceError("source", "holds no table to copy", "at least one", "See make discover")
    return chosen


def vanished(tables: list[PostgresTable], sources: Sources) -> list[SourceError]:
    """An error for each enabled entry that names no table of the database."""
    labels = [table.label for table in tables]
    missing = [label for label, entry in sources.tables.items() if entry.enabled and label not in labels]
    remedy = "? Correct or remove its entry in sources.yml, or set enabled: false: bronze keeps what it has"
    return [SourceError(label, "is not in the database", "", _near(label, labels) + remedy) for label in missing]


def is_anothers(tables: list[PostgresTable], sources: Sources) -> bool:
    """Whether a file that does not say whose its entries are has none that is like a table of this database."""
    names = [table.name for table in tables]
    near = any(difflib.get_close_matches(label.partition(".")[2], names, 1) for label in sources.tables)
    return not sources.is_named and bool(sources.tables) and not near


def _matching(tables: list[PostgresTable], patterns: list[str]) -> list[PostgresTable]:
    if not patterns:
        raise SourceError("TABLES", "names no table", "public.orders,crm.*", "Leave it out for all of them")
    chosen: list[PostgresTable] = []
    for pattern in patterns:
        full = pattern if "." in pattern else f"public.{pattern}"
        exact = [table for table in tables if table.label in (full, f"public.{pattern}")]  # names may hold [ ] * ? and dots
        found = exact or [table for table in tables if fnmatch.fnmatchcase(table.label, full)]
        if not found:
            raise SourceError(f"TABLES={pattern}", "names no table", remedy=_near(full, [table.label for table in tables]))
        chosen += [table for table in found if table not in chosen]
    return chosen


def _near(label: str, known: list[str]) -> str:
    near = difflib.get_close_matches(label, known, 3)
    return f"Did you mean {', '.join(near)}" if near else "See make discover for what is there"


def settle(table: PostgresTable, entry: Entry) -> tuple[str, tuple[str, ...], str | None]:
    """Mode, key and cursor of `table`: what the entry says, else what the catalog allows.

    Raises:
        SourceError: the entry asks for what the table hasn't got, or for what its columns can't mean.
    """
    names = [column.name for column in table.columns]
    cursors = [entry.cursor] if entry.cursor not in (None, "xmin") else []
    for kind, column in [
        *(("key", column) for column in entry.key or []),
        *(("cursor", name) for name in cursors),
        *(("texts", name) for name in entry.texts),
    ]:
        if column is not None and column not in names:
            wanted = f"one of {', '.join(names)}"
            raise SourceError(table.label, f'{kind} column "{column}" does not exist', wanted, "Set it in sources.yml")
    gone(table, entry)
    key = tuple(entry.key) if entry.key else table.key
    mode = entry.mode or ("incremental" if key and table.has_xmin else "full")
    if mode == "full":
        return mode, key, None
    if not key:
        raise SourceError(table.label, "has no key to be copied incrementally by", "a key", "Set key or mode: full in sources.yml")
    cursor = entry.cursor or ("xmin" if table.has_xmin else None)
    if cursor is None or (cursor == "xmin" and not table.has_xmin):
        raise SourceError(table.label, "has no xmin to go by", "a cursor column", "Set cursor or mode: full in sources.yml")
    if cursor != "xmin":
        _check_cursor(table, entry, cursor)
    return mode, key, cursor


def _check_cursor(table: PostgresTable, entry: Entry, name: str) -> None:
    column = table.column(name)
    assert column is not None
    kind = f"{column.type_name}{'[]' if column.is_array else ''}"
    exact = "cursor: xmin is exact" if table.has_xmin else "mode: full is exact"
    if kind not in CURSOR_TYPES:
        seen = f'cursor column "{name}" is {kind}, which does not tell when a row was written'
        raise SourceError(table.label, seen, "a timestamptz, a timestamp with zone, or a date", f"{exact}: set that in sources.yml")
    if kind == "timestamp" and not entry.zone:
        seen = f'cursor column "{name}" is a timestamp without zone, and whose clock fills it can\'t be seen'
        remedy = f"Set zone: UTC, or zone: America/Sao_Paulo, beside it in sources.yml; {exact}"
        raise SourceError(table.label, seen, "zone", remedy)
    if entry.zone and kind != "timestamp":
        raise SourceError(
            table.label, f'zone is set, and cursor column "{name}" is {kind}', "no zone", "Remove it from sources.yml"
        )


# What a value of a flag means by its type. Text that is no word for yes or no ends the copy with an error that shows it.
_MARKS = {"bool": "{0}", "bit": "position('1' in {0}::text) > 0", "varbit": "position('1' in {0}::text) > 0"}
_MARKS |= dict.fromkeys(("int2", "int4", "int8", "numeric"), "{0} <> 0")
_YES, _NO = (", ".join(map(literal, words.split(" "))) for words in ("t true y yes on 1", "f false n no off 0 "))
_MARKS |= dict.fromkeys(
    ("text", "varchar", "bpchar", "char", "citext"),
    f"case when lower(btrim({{0}}::text)) in ({_YES}) then true when lower(btrim({{0}}::text)) in ({_NO}) then false "
    "when {0} is not null then ('soft column ' || {1} || ' holds ' || {0}::text || ', neither yes nor no')::boolean end",
)
_MARKS |= dict.fromkeys(("date", "timestamp", "timestamptz"), "({0} is not null and {0} <> 'infinity')")


def gone(table: PostgresTable, entry: Entry) -> str:
    """SQL condition under which a row of the source counts as deleted, by the type of the column that marks it.

    A boolean that is true, a number other than 0, a text that PostgreSQL reads as true, a time that is set; with `=value` a column
    whose text is that, with `=*` one that is set at all.

    Raises:
        SourceError: there is no such column, or its type has no such meaning.
    """
    if entry.soft is None:
        return ""
    column, value = table.column(entry.soft), ""
    if column is None and "=" in entry.soft:
        name, _, value = entry.soft.rpartition("=")
        column = table.column(name)
    if column is None:
        names = ", ".join(column.name for column in table.columns)
        raise SourceError(table.label, f'soft column "{entry.soft}" does not exist', f"one of {names}", "Set it in sources.yml")
    name = quote(column.name)
    if value:
        return f"{name} is not null" if value == "*" else f"btrim({name}::text) = {literal(value.strip())}"
    kind = "citext" if column.type_name.endswith(".citext") else column.type_name
    mark = None if column.is_array else _MARKS.get(kind)
    if mark is None:
        seen = f'soft column "{column.name}" is {column.type_name}{"[]" if column.is_array else ""}, of which no value says deleted'
        choice = f"Say deletes: soft:{column.name}=value, or soft:{column.name}=* for any that is set"
        raise SourceError(table.label, seen, "a boolean, a number, a text or a time", choice)
    return mark.format(name, literal(column.name))


def draft(tables: list[PostgresTable], sources: Sources) -> dict[str, Any]:
    """An entry for each of `tables` that has none."""
    return {
        table.label: _proposal(table)
        for table in tables
        if table.label not in sources.tables and table.readable and table.populated and not table.parents
    }


def _proposal(table: PostgresTable) -> dict[str, Any]:
    if table.kind == "v":
        return {"enabled": False, "mode": "full"}
    mode, key, cursor = settle(table, Entry())
    found: dict[str, Any] = {"mode": mode}
    if key:
        found["key"] = list(key)
    if cursor:
        found["cursor"] = cursor
    return found
