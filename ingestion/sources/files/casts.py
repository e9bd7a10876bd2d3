"""Kinds of a CSV file's values as types of bronze, and as conditions and casts of DuckDB. Pure."""

import re

import pyarrow as pa

from ingestion.sources.files import infer
from lakehouse.engines.standard import literal, quote

_EXACT = re.compile(r"number(?: with comma| in groups)?\((\d+),(\d+)\)")
_TYPES = {
    "binary": pa.binary(),
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "day first": pa.date32(),
    "month first": pa.date32(),
    "time": pa.string(),
    "timestamp": pa.timestamp("us"),
    "timestamp with zone": pa.timestamp("us", tz="UTC"),
    "text": pa.string(),
}
_WHOLE = r"-?(?:0|[1-9][0-9]*)"
_GROUPED = r"-?(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:\%s[0-9]{3})+)"
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_ZONED = _STAMP + r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
_SLASHED = r"[0-9]{1,2}([/.-])[0-9]{1,2}[/.-][0-9]{4}"
_EXPONENT = r"(?:\.[0-9]+(?:[eE][+-]?[0-9]{1,3})?|[eE][+-][0-9]{1,3})?"  # it needs a point or a sign: 12e45 may be a code
_FORMS = {
    "boolean": "(?i)true|false",
    "integer": _WHOLE,
    "number": _WHOLE + _EXPONENT,
    "number with comma": _GROUPED % "." + "(?:,[0-9]+)?",
    "number in groups": _GROUPED % "," + r"(?:\.[0-9]+)?",
    "date": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "day first": _SLASHED,
    "month first": _SLASHED,
    "time": _CLOCK,
    "timestamp": _STAMP,
    "timestamp with zone": _ZONED,
}
_ROOMY = 18  # digits of a decimal that lies in eight bytes


def is_known(kind: str) -> bool:
    """Whether there is such a kind, as sources.yml may say."""
    return kind in _TYPES or kind in infer.POSTGRES or _EXACT.fullmatch(kind) is not None


def target(kind: str) -> pa.DataType:
    """The type that bronze has for a kind; of a number with its digits, `number(18,2)`, or of one without, which is a double."""
    if found := _EXACT.fullmatch(kind):
        return pa.decimal128(int(found[1]), int(found[2]))
    return _TYPES["double" if infer.base(kind).startswith("number") else kind]


def with_digits(kind: str, whole: int, fraction: int, exponent: bool) -> str:
    """A number's kind with the digits that its type is to have: some more before the point than were seen, where there is room.

    Args:
        whole, fraction: the most digits seen before and behind the point.
        exponent: whether some value has one, which no decimal holds.
    """
    if exponent:
        return "double"
    if whole + fraction > 38:
        return "text"
    room = _ROOMY if whole + fraction < _ROOMY else min(38, whole + fraction + 6)
    return f"{kind}({room},{fraction})"


def value(column: str, kind: str) -> str:
    """The value of a column of text; null where the text does not fit, or means null.

    A text that reads as DuckDB would print the value is that value; others are held against the kind's form, since DuckDB's casts
    also take blanks, rounded digits and half dates. `\\N` is null in the text already, as an empty field is.
    """
    return quote(column) if kind == "text" else _value(quote(column), kind)


def misfit(column: str, kind: str) -> str:
    """Condition of a text that does not fit."""
    if kind == "text":
        return "false"
    nulls = ", ".join(map(literal, sorted({"", "\\N", *infer.NULLS})))
    return f"({quote(column)} is not null and {value(column, kind)} is null and {quote(column)} not in ({nulls}))"


def fits(column: str, kind: str) -> str:
    """Condition of a text that is of a kind; unlike `value` quick where most are not, since DuckDB's casts are slow to fail."""
    form = _FORMS[kind]
    if kind in ("integer", "number", "number with comma", "number in groups", "boolean"):
        more = f" and {value(column, kind)} is not null" if kind in ("integer", "number") else ""
    else:
        more = f" and {_value(quote(column), kind)} is not null"
    return f"(regexp_full_match({quote(column)}, {literal(form)}){more})"


def _value(text: str, kind: str) -> str:
    base = infer.base(kind)
    if base == "boolean":
        return f"case lower({text}) when 'true' then true when 'false' then false end"
    if base == "integer":
        return _checked(text, f"try_cast({text} as bigint)", _FORMS[base])
    if base in ("date", "timestamp"):  # DuckDB has infinite ones too, those before Christ, and years of five digits
        known = f"between {base} '0001-01-01' and {base} '9999-12-31{'' if base == 'date' else ' 23:59:59.999999'}'"
        value = f"try_cast({text} as {base})"
        return f"case when {value} {known} then {_checked(text, value, _FORMS[base])} end"
    form = literal(_FORMS.get(base, ""))
    if base in ("day first", "month first"):
        order = ("%d", "%m") if base == "day first" else ("%m", "%d")
        forms = ", ".join(literal(f"{order[0]}{sign}{order[1]}{sign}%Y") for sign in "/.-")
        return f"case when regexp_full_match({text}, {form}) then try_strptime({text}, [{forms}])::date end"
    if base == "time":
        return f"case when regexp_full_match({text}, {form}) and try_cast({text} as time) is not null then {text} end"
    if base == "timestamp with zone":
        return f"case when regexp_full_match({text}, {form}) then try_cast({text} as timestamptz) end"
    return _number(text, kind, base)


def _number(text: str, kind: str, base: str) -> str:
    plain, whole, point = text, _WHOLE, r"\."
    if base == "number with comma":
        plain, whole, point = f"replace(replace({text}, '.', ''), ',', '.')", _GROUPED % ".", ","
    elif base == "number in groups":
        plain, whole = f"replace({text}, ',', '')", _GROUPED % ","
    if found := _EXACT.fullmatch(kind):
        fraction = int(found[2])
        form = whole + (rf"(?:{point}[0-9]{{1,{fraction}}})?" if fraction else "")
        return _checked(text, _decimal(plain, int(found[1]), fraction), form)
    form = _FORMS["number" if base == "double" else base]
    value = f"try_cast({plain} as double)"
    return f"case when regexp_full_match({text}, {literal(form)}) and isfinite({value}) then {value} end"


def _decimal(text: str, precision: int, scale: int) -> str:
    """The cast to a decimal. DuckDB reads one of more than 18 digits two hundred times as slowly, so the short ones go another way."""
    value = f"try_cast({text} as decimal({precision},{scale}))"
    if precision <= _ROOMY or scale >= _ROOMY:
        return value
    return f"coalesce(try_cast({text} as decimal({_ROOMY},{scale}))::decimal({precision},{scale}), {value})"


def _checked(text: str, value: str, form: str) -> str:
    return f"case when {value}::varchar = {text} or regexp_full_match({text}, {literal(form)}) then {value} end"


def reason(column: str, name: str, kind: str) -> str:
    """Expression: why a text of a column does not fit, `price: “abc” is no number`.

    Args:
        column: that holds it.
        name: how the column is called.
    """
    words = {"double": "number", "day first": "date, the day first", "month first": "date, the month first"}
    base = infer.base(kind)
    wanted = words.get(base, base) + (
        f" of {kind[len(base) + 1 : -1].replace(',', ' digits, at most ')} behind the point" if "(" in kind else ""
    )
    return f"{literal(f'{name}: “')} || left({quote(column)}, 60) || {literal(f'” is no {wanted}')}"
