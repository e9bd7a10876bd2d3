"""Values that PostgreSQL holds, a few of each kind, and how each must show."""

from dataclasses import dataclass
from typing import Any

from ingestion.bronze.names import delta_names
from ingestion.sources.postgres import types


@dataclass(frozen=True)
class Value:
    """A literal, how it shows as plain data (None: Delta can't hold it, and it stands in `_flags`), and over Thrift if otherwise."""

    literal: str
    shown: Any
    wire: str | None = None


V = Value
_TEXTS = {
    r"E'\x01\x1b[31mred\x1b[0m\t\r\nnext\x7f'": "\x01\x1b[31mred\x1b[0m\t\r\nnext\x7f",
    r"""'it''s "q" \ back\\slash \n {{ 7*7 }} $x ${spark.master} %s <b>&amp;</b> | `tick`'""": (
        r"""it's "q" \ back\\slash \n {{ 7*7 }} $x ${spark.master} %s <b>&amp;</b> | `tick`"""
    ),
    "'\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd'": "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd",
    "'👩‍👩‍👧 é e\u0301 İı'": "👩‍👩‍👧 é e\u0301 İı",
    "''": "",
}
# At most five of each: so many does a sample name.
KINDS: dict[str, list[Value]] = {
    "bool": [V("true", True), V("false", False)],
    "int2": [V("-32768", -32768), V("32767", 32767)],
    "int4": [V("-2147483648", -2147483648)],
    "int8": [V("-9223372036854775808", -9223372036854775808), V("9223372036854775807", 9223372036854775807)],
    "oid": [V("4294967295", 4294967295)],
    "numeric(38,0)": [V("99999999999999999999999999999999999999", "99999999999999999999999999999999999999")],
    "numeric(38,10)": [V("-1234567890123456789012345678.0123456789", "-1234567890123456789012345678.0123456789"), V("'NaN'", None)],
    "numeric(38,38)": [V("0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001")],
    "numeric(5,-2)": [V("9999900", "9999900")],
    "numeric(60,20)": [
        V("1234567890123456789012345678901234567890.5", "1234567890123456789012345678901234567890.50000000000000000000")
    ],
    "numeric": [V("'1.10'", "1.10"), V("'NaN'", "NaN"), V("'-Infinity'", "-Infinity")],
    "float4": [V("'NaN'", "NaN"), V("'Infinity'", "Infinity"), V("'0.1'", 0.1), V("'-0'", -0.0)],
    "float8": [V("'NaN'", "NaN"), V("'-Infinity'", "-Infinity"), V("'5e-324'", 5e-324), V("'0.1'", 0.1)],
    "money": [V("'92233720368547758.07'", "92233720368547758.07")],
    "bpchar(5)": [V("'ab'", "ab   ")],
    '"char"': [V("'x'", "x")],
    "varchar(10)": [V("''", ""), V("'a  '", "a  ")],
    "text": [V(literal, shown) for literal, shown in _TEXTS.items()],
    "json": [V("""'{"b":1,  "a":[1.0,null], "a":"\\u0000"}'""", '{"b":1,  "a":[1.0,null], "a":"\\u0000"}')],
    "jsonb": [V("""'{"b":1, "a":2}'""", '{"a": 2, "b": 1}')],
    "bytea": [V(r"'\x00ff5c270a'", r"\x00ff5c270a"), V("''", r"\x")],
    "date": [
        V("'4713-01-01 BC'", "-4712-01-01"),
        V("'0001-01-01'", "0001-01-01"),
        V("'1582-10-10'", "1582-10-10"),
        V("'5874897-12-31'", "+5874897-12-31"),
        V("'infinity'", None),
    ],
    "timestamp": [
        V("'4713-01-01 BC'", "-4712-01-01 00:00:00"),
        V("'0001-01-01 00:00:00.000001'", "0001-01-01 00:00:00.000001"),
        V("'1582-10-10 12:00'", "1582-10-10 12:00:00"),
        V("'10000-01-01'", "+10000-01-01 00:00:00"),
        V("'-infinity'", None),
    ],
    "timestamptz": [
        V("'0044-03-15 12:00+02 BC'", "-0043-03-15 10:00:00"),
        V("'0001-01-01 00:00+00'", "0001-01-01 00:00:00"),
        V("'1883-11-18 12:03:58-04:56:02'", "1883-11-18 17:00:00"),
        V("'294246-12-31 23:59:59.999999+00'", "+294246-12-31 23:59:59.999999"),
        V("'infinity'", None),
    ],
    "time": [V("'24:00'", "24:00:00")],
    "timetz": [V("'00:00:00.000001-15:59'", "00:00:00.000001-15:59")],
    "interval": [V("'1 mon -1 day 00:00:00.000001'", "P1M-1DT0.000001S"), V("'infinity'", "infinity")],
    "uuid": [V("'FFFFFFFF-ffff-4fff-bfff-ffffffffffff'", "ffffffff-ffff-4fff-bfff-ffffffffffff")],
    "inet": [V("'10.0.0.1/8'", "10.0.0.1/8")],
    "macaddr": [V("'08:00:2b:01:02:03'", "08:00:2b:01:02:03")],
    "bit(3)": [V("B'101'", "101")],
    "tstzrange": [V("'[2020-01-01 00:00+00,infinity]'", '["2020-01-01 00:00:00+00",infinity]')],
    "int4multirange": [V("'{[1,2),[5,6)}'", "{[1,2),[5,6)}")],
    "tsvector": [V("'a:1 b:2'", "'a':1 'b':2")],
    "point": [V("'(1.5,-2)'", "(1.5,-2)")],
    "mood": [V("""'ok, "fine"'""", 'ok, "fine"')],
    "pair": [V("row(1, 'a,b')", '(1,"a,b")')],
    "positive": [V("1", 1)],
    "bool[]": [V("'{t,null}'", [True, None], "[true,null]"), V("'{}'", [], "[]")],
    "int4[]": [V("'{1,null}'", [1, None], "[1,null]"), V("'{{1,2},{3,4}}'", None)],
    "int8[][]": [V("'{{1,2},{3,null}}'", "[[1,2],[3,null]]")],
    "numeric(6,2)[]": [V("'{1.5,null}'", ["1.50", None], "[1.50,null]"), V("'{NaN}'", None)],
    "float4[]": [V("'{NaN,-0,0.1}'", ["NaN", -0.0, 0.1], "[NaN,-0.0,0.1]")],
    "float8[]": [V("'{Infinity,0.1}'", ["Infinity", 0.1], "[Infinity,0.1]")],
    "text[]": [V("""'{"",null,"null","a,b"}'""", ["", None, "null", "a,b"], '["",null,"null","a,b"]')],
    "bytea[]": [V(r"""'{"\\x00ff"}'""", [r"\x00ff"], r'["\x00ff"]')],
    "date[]": [
        V("'{2020-02-29,4713-01-01 BC}'", ["2020-02-29", "-4712-01-01"], "[2020-02-29,-4712-01-01]"),
        V("'{infinity}'", None),
    ],
    "timestamp[]": [V("'{10000-01-01,null}'", ["+10000-01-01 00:00:00", None], "[+10000-01-01 00:00:00,null]")],
    "timestamptz[]": [V("'{2020-01-01 00:00:00+02}'", ["2019-12-31 22:00:00"], "[2019-12-31 22:00:00]")],
}
ROWS = max(map(len, KINDS.values()))
# One kind of each type that Delta has: for what asks Spark once or more for each column.
DELTA = [
    "bool",
    "int2",
    "int8",
    "numeric(38,10)",
    "float4",
    "float8",
    "text",
    "bytea",
    "date",
    "timestamp",
    "timestamptz",
    "text[]",
    "date[]",
]
COLUMNS = {kind: f"c{number}" for number, kind in enumerate(KINDS)}
# Names as people choose them, and what Delta calls them; each column holds its own name.
NAMES = ['quo"te', "back\\slash", "ap'os", "new\nline", "sp ace", "dot.ted", "emo😀ji", "rtl\u202ex", "ação", "{{ 7*7 }}", "select"]
COMMENT = 'it\'s <script>alert(1)</script> {{ 7*7 }} \\ "q" $x 😀 \u202e'
SPELT = delta_names(NAMES)
# A key of a column of each type that may be one: its literal, and how a user says it.
KEYS = {
    "timestamp": ("'0044-03-15 12:00 BC'", "-0043-03-15 12:00:00"),
    "timestamptz": ("'10000-01-01 00:00+00'", "+10000-01-01 00:00:00"),
    "date": ("'4713-01-01 BC'", "4713-01-01 BC"),
    "bytea": (r"'\x00ff'", r"\x00ff"),
    "text": (r"E'it''s \\ \n ${spark.master} 😀'", "it's \\ \n ${spark.master} 😀"),
    "varchar(3)": ("''", ""),
    "numeric(38,10)": ("9999999999999999999999999999.0000000001", "9999999999999999999999999999.0000000001"),
    "float8": ("'NaN'", "NaN"),
    "float4": ("'0.1'", "0.1"),
    "int8": ("9223372036854775807", "9223372036854775807"),
    "bool": ("true", "true"),
    "uuid": ("'00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
}


def statements() -> list[str]:
    """SQL of PostgreSQL that makes the tables."""
    named = [types.quote(name) for name in NAMES]
    columns = [f"{COLUMNS[kind]} {kind}" for kind in KINDS] + [f"{name} text" for name in named]
    made = [
        "create type mood as enum ('sad', 'ok, \"fine\"')",
        "create type pair as (a int, b text)",
        "create domain positive as int check (value > 0)",
        f"create table t(id int primary key, {', '.join(columns)})",
        f"comment on table t is {types.literal(COMMENT)}",
    ]
    made += [f"comment on column t.{name} is {types.literal(COMMENT)}" for name in named]
    for row in range(ROWS):
        held = [f"cast({values[row].literal} as {kind})" if row < len(values) else "null" for kind, values in KINDS.items()]
        made.append(f"insert into t values ({row}, {', '.join([*held, *map(types.literal, NAMES)])})")
    for number, (kind, (literal, _)) in enumerate(KEYS.items()):
        made += [
            f"create table k{number}(k {kind} primary key, told text)",
            f"insert into k{number} values (cast({literal} as {kind}), 'x')",
        ]
    return made


def expected(kinds: list[str] | None = None) -> dict[tuple[str, int], Any]:
    """How the value of each column and row shows; those that Delta can't hold, and nulls, are left out."""
    asked = {kind: KINDS[kind] for kind in kinds or KINDS}
    found = {(COLUMNS[kind], row): value.shown for kind, values in asked.items() for row, value in enumerate(values)}
    if not kinds:
        found |= {(SPELT[name], row): name for name in NAMES for row in range(ROWS)}
    return {place: shown for place, shown in found.items() if shown is not None}
