"""`sources.yml`: the sources of a lake, and what to copy of each. Discovery drafts it; people edit it; edits stand."""

import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values
from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from lakehouse.errors import SettingsError
from lakehouse.redaction import know_login
from lakehouse.settings import ROOT, Settings

PATH = ROOT / "ingestion" / "sources.yml"
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Written(BaseModel):
    """A source as the file has it. What its kind asks for besides, its kind judges."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str = "postgres"
    dsn: str | None = None  # with ${NAME} for what the environment or .env holds
    tables: dict[str, Any] = Field(default_factory=dict)


class File(BaseModel):
    """The whole file; of the older form, which has one source, `source` and `tables`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: dict[str, Written] = Field(default_factory=dict)
    at_once: int = Field(2, ge=1, le=16)  # sources that are read side by side
    source: str | None = None
    tables: dict[str, Any] = Field(default_factory=dict)

    @property
    def is_older(self) -> bool:
        """Whether it is of the form that has one source."""
        return bool(self.tables or self.source)


@dataclass(frozen=True)
class Section:
    """One source of the file.

    Attributes:
        name: with which its bronze tables begin.
        where: its tables' place in the file, for errors.
        options: what its kind asks for besides a DSN and tables.
        is_named: whether the file says whose these tables are.
    """

    name: str
    kind: str = "postgres"
    dsn: str | None = None
    tables: dict[str, Any] = field(default_factory=dict)
    where: str = "tables"
    options: dict[str, Any] = field(default_factory=dict)
    is_named: bool = True


def load(path: Path = PATH) -> File:
    """The file, or an empty one where there is none.

    Raises:
        SettingsError: names the line or key that is wrong.
    """
    if not path.exists():
        return File.model_validate({})
    try:
        return File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}, line {mark.line + 1}" if mark else path.name
        raise SettingsError(
            where, f"is no YAML: {getattr(error, 'problem', error)}", remedy="Mend it or run make discover"
        ) from None
    except ValidationError as error:
        raise refusal(error, "", File.model_fields) from None


def refusal(error: ValidationError, where: str, known: Iterable[str]) -> SettingsError:
    """What is wrong in the file, with what was perhaps meant.

    Args:
        where: place in the file of what was judged.
        known: keys that it may have.
    """
    first = error.errors()[0]
    place = ".".join([*filter(None, [where]), *(str(part) for part in first["loc"])])
    if first["type"] != "extra_forbidden":
        return SettingsError(f"{PATH.name}: {place}", f"is {first['input']!r}", first["msg"], "Mend it and run again")
    return unknown(place, known)


def unknown(place: str, known: Iterable[str]) -> SettingsError:
    """That nothing has a key of that name."""
    names = list(known)
    near = difflib.get_close_matches(place.rpartition(".")[2], names, 1)
    remedy = f"Did you mean {near[0]}" if near else "Remove it"
    return SettingsError(f"{PATH.name}: {place}", "is no known key", ", ".join(names), remedy)


def of(settings: Settings, file: File) -> Section:
    """What the file says of the source that SOURCE_DSN and SOURCE_NAME name; nothing, if it is of others alone."""
    if file.is_older:
        return Section(file.source or settings.source(), tables=file.tables, is_named=file.source is not None)
    name = settings.source()
    return _section(name, file.sources[name]) if name in file.sources else Section(name)


def _section(name: str, written: Written) -> Section:
    options = dict(written.model_extra or {})
    return Section(name, written.kind, written.dsn, written.tables, f"sources.{name}.tables", options)


def chosen(settings: Settings, file: File, names: Iterable[str] = ()) -> list[Section]:
    """The sources that a run reads: those of `names`; without any, all of the file that say where they are, and SOURCE_DSN's.

    Raises:
        SettingsError: there is none, or none of that name.
    """
    own = of(settings, file) if settings.source_dsn is not None else None
    known = {name: _section(name, written) for name, written in file.sources.items()}
    if own:
        known[own.name] = known.get(own.name, own)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            remedy = f"Did you mean {near[0]}" if near else f"Add it to {PATH.name}"
            raise SettingsError(f"source {name}", f"is not in {PATH.name}", ", ".join(known) or "an entry of it", remedy)
    found = [section for name, section in known.items() if (name in names if names else _says_where(section, own))]
    if not found:
        settings.dsn()  # the usual error
    return found


def _says_where(section: Section, own: Section | None) -> bool:
    return bool(section.dsn or section.kind != "postgres" or (own and section.name == own.name))


def settings_of(settings: Settings, section: Section) -> Settings:
    """Settings for one source: its name, and its DSN with the variables in it, which is secret from here on.

    Raises:
        SettingsError: a variable is not set, or it is no DSN. Or a password stands in the file.
    """
    if section.dsn is None:
        if section.kind == "postgres":
            settings.dsn()
        return settings.model_copy(update={"source_name": section.name})
    where = f"{PATH.name}: sources.{section.name}.dsn"
    dsn = _VARIABLE.sub(lambda found: _value(found[1], where), section.dsn)
    try:
        parts = parse_dsn(dsn)
    except ProgrammingError:
        raise SettingsError(where, "is no DSN", "postgresql://user@host:5432/database") from None
    know_login(dsn)
    if parts.get("password") and not _VARIABLE.search(section.dsn):
        name = f"{re.sub(r'[^A-Z0-9]', '_', section.name.upper())}_DSN"
        remedy = f"Write {name}=… into .env, and dsn: ${{{name}}} here"
        raise SettingsError(where, "has a password in it", "one that only the environment knows", remedy)
    return settings.model_copy(update={"source_name": section.name, "source_dsn": SecretStr(dsn)})


def _value(name: str, where: str) -> str:
    file = Settings.model_config.get("env_file")
    value = os.environ.get(name) or (dotenv_values(str(file)).get(name) if file else None)
    if not value:
        raise SettingsError(
            where, f"asks for {name}, which is not set", remedy=f"Write {name}=… into a file .env beside the Makefile"
        )
    return value
