"""What Great Expectations offers: the types, their arguments, and the refusal of what it would silently skip."""

import difflib
import os
from pathlib import Path
from typing import Any

from expectations.compile.condition import ROWWISE
from expectations.suite import Check, Suite, short
from lakehouse import imports
from lakehouse.errors import SettingsError
from lakehouse.redaction import first_line

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # before its first import: it reads this once

# Arguments that belong to the gate: a suite says `where`, `why` and `severity` instead.
_RESERVED = {
    "batch_id",
    "catch_exceptions",
    "condition_parser",
    "description",
    "id",
    "meta",
    "notes",
    "rendered_content",
    "result_format",
    "row_condition",
    "windows",
}


def validate(suite: Suite, path: Path) -> None:
    """Refuse a suite with a check that Great Expectations can't run.

    Raises:
        SettingsError: a misspelt type (with the nearest one), an unknown, missing or wrong argument.
    """
    for number, check in enumerate(suite.checks, 1):
        where = f"{short(path)}, check {number}"
        build(check, number, where)
        _quarantinable(check, where, path.parent.name)


def build(check: Check, number: int, where: str) -> Any:
    """The expectation object of `check`, carrying `number` so that its result can be recognised."""
    from pydantic.v1 import ValidationError as LegacyError

    kind = _kind(check.expect, where)
    offered = set(kind.__fields__) - _RESERVED
    _known_arguments(check, offered, where)
    _supported(check, set(kind.__fields__), where)
    extra: dict[str, Any] = {"severity": check.severity, "meta": {"check": number}, "notes": check.why}
    if check.where:
        extra |= {"row_condition": check.where, "condition_parser": "spark"}
    if check.mostly is not None:
        extra["mostly"] = check.mostly
    try:
        built = kind(**check.args, **extra)
        if hasattr(built, "sentence"):  # a custom expectation
            said = built.sentence() + (f" (where {check.where})" if check.where else "")
            built.description = said.replace("$", "$$")
        return built
    except (LegacyError, ValueError, TypeError) as error:
        raise SettingsError(where, _complaint(check, error), _wanted(offered), "Correct the arguments") from None


def types() -> list[str]:
    """Every expectation type that can be named in a suite."""
    imports.great_expectations()  # which registers them
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    import expectations.custom_expectations  # noqa: F401  and ours

    return sorted(list_registered_expectation_implementations())


def arguments(name: str) -> dict[str, dict[str, Any]]:
    """What the type `name` can be told in a suite, with JSON schemas."""
    kind = _kind(name, name)
    offered = set(kind.__fields__) - _RESERVED - {"severity", "mostly"}
    return {field: schema for field, schema in kind.schema()["properties"].items() if field in offered}


def _kind(name: str, where: str) -> Any:
    known = types()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.6)
        remedy = f"Did you mean {near[0]}?" if near else "See the list of expectations in the Great Expectations gallery"
        raise SettingsError(where, f"`{name}` is not an expectation type", "a snake_case type of Great Expectations", remedy)
    from great_expectations.expectations.registry import get_expectation_impl

    return get_expectation_impl(name)


def _known_arguments(check: Check, offered: set[str], where: str) -> None:
    for name in check.args:
        if name not in offered or name in ("severity", "mostly"):
            near = difflib.get_close_matches(name, offered, 1, 0.6)
            hint = f"Did you mean `{near[0]}`?" if near else "Remove it"
            raise SettingsError(where, f"{check.expect} has no argument `{name}`", _wanted(offered), hint)


def _supported(check: Check, fields: set[str], where: str) -> None:
    for key, field in (("where", "row_condition"), ("mostly", "mostly"), ("tolerance", "mostly")):
        if getattr(check, key) is not None and field not in fields:
            raise SettingsError(where, f"{check.expect} does not take `{key}`", "", f"Remove `{key}` or use another expectation")


def _quarantinable(check: Check, where: str, layer: str) -> None:
    if not check.quarantine:
        return
    if layer != "bronze":
        raise SettingsError(
            where, "has `quarantine`", "it in a suite of bronze", "What silver and gold hold is made by models: mend these"
        )
    if check.expect not in ROWWISE:
        raise SettingsError(where, f"{check.expect} can't take single rows out", ", ".join(sorted(ROWWISE)), "Remove `quarantine`")


def _complaint(check: Check, error: Exception) -> str:
    listed = getattr(error, "errors", None)
    if listed is None:
        return f"{check.expect}: {first_line(error)}"
    first = listed()[0]
    return f"{check.expect}: {'.'.join(map(str, first['loc']))}: {first['msg']}"


def _wanted(offered: set[str]) -> str:
    return "arguments among " + ", ".join(sorted(offered - {"severity"}))
