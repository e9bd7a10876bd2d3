"""`sources.yml`: the sources of a lake, and what to copy of each. Discovery drafts it; people edit it; edits stand."""

import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from dotenv import dotenv_values
from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from ingestion.bronze.names import table_name
from lakehouse.errors import SettingsError
from lakehouse.redaction import know_login
from lakehouse.settings import ROOT, Settings

PATH = ROOT / "ingestion" / "sources.yml"
# What is written as a key and nothing behind it.
_NOTHING = BeforeValidator(lambda value: {} if value is None else value)
_Tables = Annotated[dict[str, Any], _NOTHING]
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class SourceConfig(BaseModel):
    """A source as the file has it. What its kind asks for besides, its kind judges."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str = Field("postgres", pattern=r"^\w+(\.\w+)*$")
    dsn: str | None = None  # with ${NAME} for what the environment or .env holds
    tables: _Tables = Field(default_factory=dict)


class SourcesFile(BaseModel):
    """The whole file; of the older form, which has one source, `source` and `tables`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: dict[Annotated[str, Field(min_length=1)], Annotated[SourceConfig, _NOTHING]] = Field(default_factory=dict)
    at_once: int = Field(2, ge=1, le=16)  # sources that are read side by side
    source: str | None = None
    tables: _Tables = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.sources and self.is_older:
            raise ValueError("wanted: either sources, or source and tables as the older form has them")
        return self

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


def variables(path: Path = PATH) -> set[str]:
    """Names that the file asks for by `${NAME}`, as they stand there."""
    return set(_VARIABLE.findall(path.read_text(encoding="utf-8", errors="replace"))) if path.exists() else set()


def load(path: Path = PATH) -> SourcesFile:
    """The file, or an empty one where there is none.

    Raises:
        SettingsError: names the line or key that is wrong.
    """
    if not path.exists():
        return SourcesFile.model_validate({})
    try:
        return SourcesFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}, line {mark.line + 1}" if mark else path.name
        raise SettingsError(
            where, f"is no YAML: {getattr(error, 'problem', error)}", remedy="Mend it or run make discover"
        ) from None
    except ValidationError as error:
        raise refusal(error, "", SourcesFile.model_fields) from None


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


def of(settings: Settings, file: SourcesFile) -> Section:
    """What the file says of the source that SOURCE_DSN and SOURCE_NAME name; nothing, if it is of others alone."""
    if file.is_older:
        return Section(file.source or settings.source(), tables=file.tables, is_named=file.source is not None)
    name = settings.source()
    return _section(name, file.sources[name]) if name in file.sources else Section(name)


def _section(name: str, written: SourceConfig) -> Section:
    options = dict(written.model_extra or {})
    return Section(
        name=name, kind=written.kind, dsn=written.dsn, tables=written.tables, where=f"sources.{name}.tables", options=options
    )


def chosen(settings: Settings, file: SourcesFile, names: Iterable[str] = ()) -> list[Section]:
    """The sources that a run reads: those of `names`; without any, all of the file that say where they are, and SOURCE_DSN's.

    Raises:
        SettingsError: there is none, or none of that name; it does not say where it is; its bronze tables could be another's.
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
        if not _says_where(known[name], own):
            remedy = f"Write dsn: ${{{_variable(name)}}} there, and {_variable(name)}=… into .env"
            raise SettingsError(f"{PATH.name}: sources.{name}", "does not say where it is", "dsn", remedy)
    _refuse_common_names(known)
    found = [section for name, section in known.items() if (name in names if names else _says_where(section, own))]
    if not found:
        settings.dsn()  # the usual error
    return found


def _refuse_common_names(known: Iterable[str]) -> None:
    """Bronze tables of `a__b` could be those of `a`, of a schema or a table that begins with `b`."""
    prefixes = {name: table_name(name, "public", "") for name in known}
    for one, other in permutations(prefixes, 2):
        if prefixes[other].startswith(prefixes[one]):
            seen = f"its bronze tables, {prefixes[other]}…, could be taken for those of {one}"
            raise SettingsError(
                f"source {other}", seen, "a name of its own", f"Give it another one in {PATH.name}, or as SOURCE_NAME"
            )


def _variable(name: str) -> str:
    """A variable for a source's DSN."""
    return f"{re.sub(r'[^A-Z0-9]', '_', name.upper())}_DSN"


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
        parse_dsn(dsn)
    except ProgrammingError:
        raise SettingsError(where, "is no DSN", "postgresql://user@host:5432/database") from None
    know_login(dsn)
    if _has_password(section.dsn):
        remedy = f"Write {_variable(section.name)}=… into .env, and dsn: ${{{_variable(section.name)}}} here"
        raise SettingsError(where, "has a password in it", "one that only the environment knows", remedy)
    return settings.model_copy(update={"source_name": section.name, "source_dsn": SecretStr(dsn)})


def _has_password(text: str) -> bool:
    """Whether a password stands in the text itself, and not in a variable."""
    try:
        found = parse_dsn(_VARIABLE.sub("variable", text))
    except ProgrammingError:  # all of it, or its form, is in a variable
        return False
    return any(found.get(name) not in (None, "", "variable") for name in ("password", "sslpassword"))


def _value(name: str, where: str) -> str:
    file = Settings.model_config.get("env_file")
    value = os.environ.get(name) or (dotenv_values(str(file)).get(name) if file else None)
    if not value:
        raise SettingsError(
            where, f"asks for {name}, which is not set", remedy=f"Write {name}=… into a file .env beside the Makefile"
        )
    return value
