"""`sources.yml`: what to copy from a database and how. Discovery drafts it; people edit it; edits stand."""

import difflib
import fnmatch
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingestion.postgres.discover import Table
from ingestion.postgres.types import quote
from lakehouse.errors import SettingsError, SourceError
from lakehouse.settings import ROOT

PATH = ROOT / "ingestion" / "sources.yml"


class Entry(BaseModel):
    """How one table is copied; what is left out is decided from the catalog at each run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    mode: Literal["full", "incremental"] | None = None
    key: list[str] | None = None
    cursor: str | None = None  # xmin, or a column that every change moves forward
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
        """Column that marks a row as deleted; None if rows just go."""
        return self.deletes.removeprefix("soft:") if self.deletes.startswith("soft:") else None


class Sources(BaseModel):
    """The whole file: a source's name, and its tables as `schema.table`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str | None = None
    tables: dict[str, Entry] = Field(default_factory=dict)


def load(path: Path = PATH) -> Sources:
    """The file, or an empty one where there is none.

    Raises:
        SettingsError: names the line or key that is wrong.
    """
    if not path.exists():
        return Sources()
    try:
        return Sources.model_validate(yaml.safe_load(path.read_text()) or {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}, line {mark.line + 1}" if mark else path.name
        raise SettingsError(
            where, f"is no YAML: {getattr(error, 'problem', error)}", remedy="Mend it or run make discover"
        ) from None
    except ValidationError as error:
        raise _refusal(path, error) from None


def _refusal(path: Path, error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return SettingsError(f"{path.name}: {where}", f"is {first['input']!r}", first["msg"], "Mend it and run again")
    known = list(Entry.model_fields if len(first["loc"]) > 2 else Sources.model_fields)
    near = difflib.get_close_matches(str(first["loc"][-1]), known, 1)
    return SettingsError(
        f"{path.name}: {where}", "is no known key", ", ".join(known), f"Did you mean {near[0]}" if near else "Remove it"
    )


def select(tables: list[Table], patterns: str | None, sources: Sources) -> list[Table]:
    """The tables to copy: those that `patterns` (comma separated, `crm.*`) name, else every enabled one but views.

    Raises:
        SourceError: a pattern or an entry of the file names no table; nothing is left to copy.
    """
    labels = [table.label for table in tables]
    for label in sources.tables:
        if label not in labels:
            raise SourceError(f"sources.yml: {label}", "is not in the database", remedy=_near(label, labels))
    if patterns:
        return _matching(tables, [part.strip() for part in patterns.split(",") if part.strip()])
    chosen = [table for table in tables if table.kind != "v" and sources.tables.get(table.label, Entry()).enabled]
    if not chosen:
        raise SourceError("source", "holds no table to copy", "at least one", "See make discover")
    return chosen


def _matching(tables: list[Table], patterns: list[str]) -> list[Table]:
    chosen: list[Table] = []
    for pattern in patterns:
        full = pattern if "." in pattern else f"public.{pattern}"
        found = [table for table in tables if fnmatch.fnmatchcase(table.label, full)]
        if not found:
            raise SourceError(f"TABLES={pattern}", "names no table", remedy=_near(full, [table.label for table in tables]))
        chosen += [table for table in found if table not in chosen]
    return chosen


def _near(label: str, known: list[str]) -> str:
    near = difflib.get_close_matches(label, known, 3)
    return f"Did you mean {', '.join(near)}" if near else "See make discover for what is there"


def settle(table: Table, entry: Entry) -> tuple[str, tuple[str, ...], str | None]:
    """Mode, key and cursor of `table`: what the entry says, else what the catalog allows.

    Raises:
        SourceError: the entry asks for what the table hasn't got.
    """
    names = [column.name for column in table.columns]
    cursors = [entry.cursor] if entry.cursor not in (None, "xmin") else []
    for kind, column in [
        *(("key", column) for column in entry.key or []),
        *(("cursor", name) for name in cursors),
        ("soft", entry.soft),
    ]:
        if column is not None and column not in names:
            raise SourceError(
                table.label, f'{kind} column "{column}" does not exist', f"one of {', '.join(names)}", "Set it in sources.yml"
            )
    key = tuple(entry.key) if entry.key else table.key
    mode = entry.mode or ("incremental" if key and table.has_xmin else "full")
    if mode == "full":
        return mode, key, None
    if not key:
        raise SourceError(table.label, "has no key to be copied incrementally by", "a key", "Set key or mode: full in sources.yml")
    cursor = entry.cursor or ("xmin" if table.has_xmin else None)
    if cursor is None or (cursor == "xmin" and not table.has_xmin):
        raise SourceError(table.label, "has no xmin to go by", "a cursor column", "Set cursor or mode: full in sources.yml")
    return mode, key, cursor


def gone(table: Table, entry: Entry) -> str:
    """SQL condition under which a row of the source counts as deleted: a flag that is true, anything else that is set."""
    if entry.soft is None:
        return ""
    [column] = [column for column in table.columns if column.name == entry.soft]
    return quote(column.name) + ("" if column.type_name == "bool" and not column.is_array else " is not null")


def draft(tables: list[Table], sources: Sources) -> dict[str, Any]:
    """The file's content with an entry for each of `tables`; an entry that is there already stands as it is."""
    entries = {label: entry.model_dump(exclude_unset=True) for label, entry in sources.tables.items()}
    for table in tables:
        if table.label not in entries and table.readable:
            entries[table.label] = _proposal(table)
    head = {"source": sources.source} if sources.source else {}
    return {**head, "tables": dict(sorted(entries.items()))}


def _proposal(table: Table) -> dict[str, Any]:
    if table.kind == "v":
        return {"enabled": False, "mode": "full"}
    mode, key, cursor = settle(table, Entry())
    found: dict[str, Any] = {"mode": mode}
    if key:
        found["key"] = list(key)
    if cursor:
        found["cursor"] = cursor
    return found
