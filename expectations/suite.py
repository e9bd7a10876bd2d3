"""Suites: the checks of one table, read from YAML and refused at the slightest doubt.

A file `suites/<layer>/<table>.yml` names its table, says what one row is, who owns it, and lists checks. A check names a
Great Expectations type and gives its arguments inline (or under `args`). `suites/<layer>/_default.yml` serves tables without a
file of their own; there `{key}` stands for each key column in turn. A suite may say `exempt` instead of checks, until a date.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from lakehouse.errors import SettingsError

Layer = Literal["bronze", "silver", "gold"]
LAYERS: tuple[str, ...] = get_args(Layer)
SUITES = Path(__file__).resolve().parent / "suites"
ANY_TABLE = "*"
NOBODY = "unassigned"  # the owner in a draft for which none was found; refused until somebody takes it
OWN_KEYS = ("expect", "args", "severity", "owner", "where", "mostly", "tolerance", "quarantine", "why")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Check(_Strict):
    """One expectation about one table; `where` is a Spark SQL condition.

    Attributes:
        mostly: share of the rows that is enough, from 0 to 1.
        tolerance: unexpected rows, as a number, that are let through.
        quarantine: in bronze, unexpected rows are taken out and the rest goes on; with `mostly` or `tolerance` only so many.
    """

    expect: str = Field(min_length=1)
    args: dict[str, Any] = {}
    severity: Literal["critical", "warning"] = "critical"
    owner: str | None = None
    where: str | None = Field(None, min_length=1)
    mostly: float | None = Field(None, gt=0, le=1)
    tolerance: int | None = Field(None, ge=1)
    quarantine: bool = False
    why: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("a check is a mapping with `expect` and its arguments")
        inline = {key: each for key, each in value.items() if key not in OWN_KEYS}
        args = value.get("args", {})
        if not isinstance(args, dict):
            raise ValueError("`args` is a mapping of argument to value")
        if twice := inline.keys() & args.keys():
            raise ValueError(f"`{min(map(str, twice))}` stands both inline and under `args`")
        own = {key: each for key, each in value.items() if key in OWN_KEYS}
        return {**own, "args": {**args, **inline}}

    @property
    def columns(self) -> list[str]:
        """Columns that the check looks at, as its arguments name them."""
        named = [self.args[key] for key in ("column", "column_A", "column_B") if key in self.args]
        listed = self.args.get("column_list", [])
        return [str(name) for name in [*named, *(listed if isinstance(listed, list) else [])]]

    def meaning(self) -> dict[str, Any]:
        """What decides the check's outcome, without owner and explanation."""
        return self.model_dump(mode="json", exclude={"owner", "why", *_unsaid(self)})


def _unsaid(check: Check) -> set[str]:
    """Keys that came later and were not written: a suite without them keeps its hash."""
    return {name for name, value in (("tolerance", check.tolerance), ("quarantine", check.quarantine)) if not value}


class Exemption(_Strict):
    """Until when (inclusive) a table is let through unjudged, and why."""

    until: date
    reason: str = Field(min_length=1)


class Suite(_Strict):
    """All checks of one table of one layer; none only where it is exempt.

    Attributes:
        personal: columns whose values are masked wherever a check shows what it found.
    """

    table: str
    description: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    exempt: Exemption | None = None
    allow_empty: bool = False
    personal: tuple[str, ...] = ()
    checks: tuple[Check, ...] = Field((), min_length=1)
    _is_default: bool = PrivateAttr(False)

    @property
    def is_default(self) -> bool:
        """Whether it serves a table that has no suite of its own: then not every column that it names has to be there."""
        return self._is_default

    @model_validator(mode="after")
    def _has_checks_or_a_reason(self) -> "Suite":
        if not self.checks and self.exempt is None:
            raise ValueError("has no `checks`, and no `exempt` with a reason and a date")
        if self.owner == NOBODY:
            raise ValueError(f"has the owner `{NOBODY}` of a draft: name who is told when it fails")
        return self

    @property
    def hash(self) -> str:
        """16 hex digits that change when the meaning of the suite does, and not with its wording."""
        meaning = {"allow_empty": self.allow_empty, "checks": [check.meaning() for check in self.checks]}
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]

    def exempt_on(self, day: date) -> bool:
        """Whether the exemption still holds on `day`."""
        return self.exempt is not None and day <= self.exempt.until


def check_cover(layer: str, suites: Mapping[str, Suite | None], day: date) -> None:
    """Refuse tables that on `day` have neither checks nor an exemption that holds.

    Raises:
        SettingsError: names all of them at once, and how to draft a suite.
    """
    bare = {table: suite for table, suite in suites.items() if suite is None or not (suite.checks or suite.exempt_on(day))}
    if not bare:
        return
    said = [f"{table} (its exemption ended on {one.exempt.until})" if one and one.exempt else table for table, one in bare.items()]
    raise SettingsError(
        layer,
        f"{len(bare)} of {len(suites)} tables have no suite: {', '.join(said)}",
        "checks for each, or `exempt` with a reason and a date",
        f"Draft one with make suite TABLE={layer}.{next(iter(bare))}: expectations/suites/{layer}/{next(iter(bare))}.yml",
    )


def find(layer: str, table: str, key: list[str], folder: Path = SUITES) -> Suite | None:
    """The suite of `table`: its own file, else the layer's default for the columns `key`, else None.

    Raises:
        SettingsError: the file is not a suite; names file, check number, what was seen, what was wanted, what to do.
    """
    path = file_of(layer, table, folder)
    if not path.is_file():
        return None
    return _for_table(load(path), table, key) if path.stem == "_default" else load(path)


def file_of(layer: str, table: str, folder: Path = SUITES) -> Path:
    """The file that holds the suite of `table`, which may not exist."""
    own = folder / layer / f"{table}.yml"
    return own if own.is_file() else folder / layer / "_default.yml"


def load(path: Path) -> Suite:
    """The suite in the file `path`, its shape checked; `registry.validate` checks it against Great Expectations.

    Raises:
        SettingsError: as `find`.
    """
    where = short(path)
    try:
        suite = Suite.model_validate(_read(path, where))
    except ValidationError as error:
        raise _refusal(where, error) from None
    _name_matches(suite, path, where)
    _no_twins(suite, where)
    return suite


def _read(path: Path, where: str) -> dict[str, Any]:
    # YAML 1.2: `NO` stays the country Norway, and a key written twice is an error.
    reader = YAML(typ="safe", pure=True)
    try:
        found = reader.load(path)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise SettingsError(f"{where}:{line}", f"is not valid YAML: {error.problem}", "", "Correct that line") from None
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise SettingsError(where, f"can't be read: {error}", "a YAML file in UTF-8") from None
    if not isinstance(found, dict):
        seen = "is empty" if found is None else f"holds a {type(found).__name__}"
        raise SettingsError(where, seen, "a mapping with table, description, owner and checks", "Copy the shape of another suite")
    return found


def _refusal(where: str, error: ValidationError) -> SettingsError:
    first = error.errors(include_url=False)[0]
    loc = list(first["loc"])
    if loc[:1] == ["checks"] and len(loc) > 1:
        where, loc = f"{where}, check {int(loc[1]) + 1}", loc[2:]
    name = ".".join(map(str, loc))
    match first["type"]:
        case "extra_forbidden":
            return SettingsError(where, f"has an unknown key `{name}`", ", ".join(Suite.model_fields), "Correct or remove it")
        case "missing":
            return SettingsError(where, f"has no `{name}`", f"a value for `{name}`", "Add it")
        case "too_short" if name == "checks":
            return SettingsError(where, "declares no checks", "at least one", "An empty suite proves nothing: add checks")
        case "value_error":
            return SettingsError(
                where, first["msg"].removeprefix("Value error, "), "", f"Correct the {'check' if loc else 'suite'}"
            )
    return SettingsError(where, f"`{name}` is {first['input']!r}", first["msg"], f"Correct `{name}`")


def _name_matches(suite: Suite, path: Path, where: str) -> None:
    wanted = ANY_TABLE if path.stem == "_default" else path.stem
    if suite.table != wanted:
        raise SettingsError(where, f"says table: {suite.table!r}", f"table: {wanted!r}", "Rename the file or correct `table`")


def _no_twins(suite: Suite, where: str) -> None:
    seen: dict[str, int] = {}
    for number, check in enumerate(suite.checks, 1):
        said = json.dumps({**check.meaning(), "severity": ""}, sort_keys=True)
        if said in seen:
            raise SettingsError(f"{where}, check {number}", f"repeats check {seen[said]}", "each check once", "Remove one")
        seen[said] = number


def _for_table(default: Suite, table: str, key: list[str]) -> Suite:
    checks = [each for check in default.checks for each in _for_key(check, key)]
    suite = default.model_copy(update={"table": table, "checks": tuple(checks)})
    suite._is_default = True
    return suite


def _for_key(check: Check, key: list[str]) -> list[Check]:
    if "{key}" not in check.args.values():
        return [check]
    filled = [{name: column if value == "{key}" else value for name, value in check.args.items()} for column in key]
    return [check.model_copy(update={"args": args}) for args in filled]


def short(path: Path) -> str:
    return "/".join(path.parts[-3:]) if SUITES in path.parents else str(path)
