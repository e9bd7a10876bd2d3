"""Values of a unit test's fixture as Spark's SQL. Pure.

dbt-spark strips quotes from both ends of a text and puts the rest into the statement, so a quote within it breaks that off.
"""

import json
import re
from datetime import date
from typing import Any

from lakehouse.engines.catalog import literal

_NESTED = re.compile(r"\s*(?:struct|array|map)\b", re.IGNORECASE)
_BYTES = re.compile(r"[xX]'(?:[0-9A-Fa-f]{2})*'")
_SURE = 15  # digits that a float always keeps


class FixtureError(ValueError):
    """A value that is no longer what the YAML says."""


def sql(name: str, value: Any, kind: str) -> str:
    """`value` of the column `name` as an expression of the type `kind`.

    A nested one is YAML or JSON (`{a: 1}`, `[1, 2]`), or, as dbt-spark has it, a text with an expression: `array(1, 2)`.

    Raises:
        FixtureError: YAML has made a float of a number that has more digits.
    """
    if value is None:
        return f"cast(null as {kind})"
    if isinstance(value, list | dict):
        return f"from_json({literal(json.dumps(value, ensure_ascii=False, default=str))}, {literal(kind)})"
    if isinstance(value, float):
        if kind.lower().startswith("decimal") and len(repr(value).partition("e")[0].strip("-0.").replace(".", "")) > _SURE:
            raise FixtureError(
                f"column {name}: {value!r} may have lost digits: YAML reads such a number as a float. Write it in quotes"
            )
        return (
            f"cast({literal(str(value))} as {kind})"
            if value != value or abs(value) == float("inf")
            else f"cast({value!r} as {kind})"
        )
    if isinstance(value, date):
        return f"cast({literal(value.isoformat())} as {kind})"
    if not isinstance(value, str):
        return f"cast({value} as {kind})"
    if _NESTED.match(kind):
        plain = value.strip()
        for mark in ('"', "'"):
            if len(plain) > 1 and plain[0] == plain[-1] == mark:
                plain = plain[1:-1]
        return f"from_json({literal(plain)}, {literal(kind)})" if plain[:1] in ("{", "[") else f"cast({plain} as {kind})"
    if kind.lower() == "binary" and _BYTES.fullmatch(value):
        return value
    return f"cast({literal(value)} as {kind})"
