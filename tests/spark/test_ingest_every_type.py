"""Every type of PostgreSQL that people store, at its edges: PostgreSQL digests what it holds, DuckDB what bronze holds."""

import io
import re
from contextlib import closing

import pytest
from bronze_reader import bronze, execute, query
from ingest_helpers import outcome

from ingestion import reconcile
from ingestion import run as ingest
from ingestion.sources.postgres.connect import open_source
from lakehouse.settings import Settings

EDGES = {
    "bool": ["true", "false"],
    "int2": ["-32768", "32767", "0"],
    "int4": ["-2147483648", "2147483647"],
    "int8": ["-9223372036854775808", "9223372036854775807"],
    "oid": ["0", "4294967295"],
    "numeric(38,0)": ["'99999999999999999999999999999999999999'", "'-99999999999999999999999999999999999999'", "'NaN'"],
    "numeric(38,38)": ["'0.99999999999999999999999999999999999999'", "'-0.00000000000000000000000000000000000001'"],
    "numeric(10,2)": ["'99999999.99'", "'-0.01'", "'0'", "'NaN'"],
    "numeric(5,-2)": ["'9999900'", "'-100'"],
    "numeric(3,5)": ["'0.00999'", "'-0.00001'"],
    "numeric(60,20)": ["'1234567890123456789012345678901234567890.12345678901234567890'", "'NaN'", "'0'"],
    "numeric": ["'1.10'", "'1.1000'", "'NaN'", "'Infinity'", "'-Infinity'", "'1e-1000'", "'1e1000'"],
    "float4": ["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "'1e-45'", "'3.4028235e38'", "'0.1'"],
    "float8": ["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "'5e-324'", "'1.7976931348623157e308'", "'0.1'"],
    "money": ["'92233720368547758.07'", "'-92233720368547758.08'", "'0.01'"],
    "char(5)": ["''", "'ab'", "'  a'"],
    '"char"': ["'x'", "''"],
    "varchar(10)": ["''", "'a  '", "'é😀'"],
    "text": ["''", r"'a\nb'", "E'tab\\t nl\\n cr\\r bs\\\\ q\\''", "'\u202eright to left'", "repeat('x', 100000)"],
    "name": ["'n'"],
    "json": ["""'{"b":1,  "a":2, "a":3}'""", r"""'"\u0000"'""", "'null'", "'[1.0, 1.00]'"],
    "jsonb": ["""'{"b":1,  "a":2, "a":3}'""", "'null'", "'1.00'", "'1e400'"],
    "bytea": [r"'\x'", r"'\x00ff5c27'"],
    "date": [
        "'4713-01-01 BC'",
        "'0001-01-01'",
        "'1582-10-10'",
        "'1900-02-28'",
        "'9999-12-31'",
        "'infinity'",
        "'-infinity'",
        "'5874897-12-31'",
    ],
    "timestamp": [
        "'4713-01-01 00:00:00 BC'",
        "'0001-01-01'",
        "'1582-10-04 23:59:59.999999'",
        "'2016-12-31 23:59:60'",
        "'9999-12-31 23:59:59.999999'",
        "'294276-12-31 23:59:59.999999'",
        "'infinity'",
        "'-infinity'",
    ],
    "timestamptz": [
        "'1969-12-31 23:59:59.999999+00'",
        "'2026-03-29 02:30:00 Europe/Lisbon'",
        "'0044-03-15 BC'",
        "'infinity'",
        "'1883-11-18 12:03:58-04:56:02'",
    ],
    "time": ["'24:00'", "'00:00'", "'23:59:59.999999'"],
    "timetz": ["'24:00+15:59'", "'00:00:00.000001-15:59'"],
    "interval": ["'1 mon -1 day 00:00:00.000001'", "'-178000000 years'", "'0'", "'infinity'"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'", "'FFFFFFFF-ffff-4fff-bfff-ffffffffffff'"],
    "inet": ["'10.0.0.1/8'", "'::1'"],
    "cidr": ["'10.0.0.0/8'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "macaddr8": ["'08:00:2b:01:02:03:04:05'"],
    "bit(3)": ["B'101'"],
    "varbit": ["B''", "B'1'"],
    "int4range": ["'[1,5)'", "'empty'", "'(,)'"],
    "tstzrange": ["'[2020-01-01 00:00+00,infinity]'"],
    "int4multirange": ["'{[1,2),[5,6)}'"],
    "xml": ["null"],  # the embedded PostgreSQL is built without libxml
    "tsvector": ["'a:1 b:2'"],
    "tsquery": ["'a & b'"],
    "point": ["'(1.5,-2)'"],
    "box": ["'(1,1),(0,0)'"],
    "int2vector": ["'1 2 3'"],
    "oidvector": ["'1 2'"],
    "cid": ["'7'"],
    "xid": ["'4294967295'"],
    "tid": ["'(1,2)'"],
    "line": ["'{1,2,3}'"],
    "lseg": ["'[(0,0),(1,1)]'"],
    "polygon": ["'((0,0),(1,1),(1,0))'"],
    "int8range": ["'[-9223372036854775808,)'"],
    "numrange": ["'(1.10,2.0]'"],
    "daterange": ["'[2020-01-01,infinity)'"],
    "tsrange": ["'[0044-03-15 BC,2020-01-01)'"],
    "int8multirange": ["'{}'"],
    "nummultirange": ["'{[1.0,2.00]}'"],
    "datemultirange": ["'{[2020-01-01,2020-01-03)}'"],
    "tsmultirange": ["'{(,2020-01-01)}'"],
    "tstzmultirange": ["'{[2020-01-01 00:00+02,)}'"],
    "refcursor": ["'c'"],
    "pg_snapshot": ["'10:20:10,14,15'"],
    "txid_snapshot": ["'10:20:10'"],
    "aclitem": ["'=r/' || current_user"],
    "regclass": ["'pg_class'", "'public.\"odd Name\"'"],
    "regtype": ["'int4'", "'mood'"],
    "regproc": ["'public.odd'"],
    "regprocedure": ["'public.odd(int)'"],
    "regoper": ["'||/'"],
    "regoperator": ["'+(int4,int4)'"],
    "regnamespace": ["'public'"],
    "regrole": ["current_user::regrole"],
    "regconfig": ["'simple'"],
    "regdictionary": ["'simple'"],
    "regcollation": ["'\"C\"'"],
    "inet[]": ["'{10.0.0.1,10.0.0.0/8,null}'"],
    "money[]": ["'{1.5,-2,null}'"],
    "citext": ["'Ab'"],
    "citext[]": ["'{Ab,null}'"],
    "path": ["'[(0,0),(1,1)]'"],
    "circle": ["'<(0,0),1>'"],
    "pg_lsn": ["'16/B374D848'"],
    "jsonpath": ["'$.a'"],
    "xid8": ["'18446744073709551615'"],
    "mood": ["'sad'", "'ok, \"fine\"'"],
    "pair": ["row(1, 'a,b')", "row(null, null)"],
    "positive": ["1"],
    "short_text": ["'ab '"],
    "nested": ["5"],
    "bool[]": ["'{t,f,null}'", "'{}'"],
    "int4[]": ["'{1,null,-2147483648}'", "'{}'", "'{{1,2},{3,4}}'", "'[2:3]={7,8}'"],
    "int8[][]": ["'{{1,2},{3,null}}'", "'{}'"],
    "numeric(6,2)[]": ["'{1.5,null,-9999.99}'", "'{NaN}'"],
    "numeric[]": ["'{1.10,NaN,Infinity,null}'"],
    "float4[]": ["'{NaN,-0,0.1,null}'"],
    "float8[]": ["'{NaN,Infinity,-0,0.1}'"],
    "text[]": ["""'{"",null,"null","a,b","q\\"q"}'""", "'{}'"],
    "char(3)[]": ["'{a,null}'"],
    "bytea[]": [r"""'{"\\x00","\\xff"}'"""],
    "date[]": ["'{2020-02-29,null}'", "'{infinity}'", "'{4713-01-01 BC}'"],
    "timestamp[]": ["'{2020-01-01 00:00:00.000001,null}'", "'{294276-01-01}'"],
    "timestamptz[]": ["'{2020-01-01 00:00:00+02}'", "'{-infinity}'"],
    "uuid[]": ["'{00000000-0000-0000-0000-000000000001}'"],
    "bit(2)[]": ["'{10,01}'"],
    "mood[]": ["'{sad,null}'"],
    "interval[]": ["'{1 day,null}'"],
    "jsonb[]": ["""'{"{\\"a\\": 1}"}'"""],
    "positive[]": ["'{1,2}'"],
}
TYPES = [
    "create type mood as enum ('sad', 'ok, \"fine\"')",
    "create type pair as (a int, b text)",
    'create table "odd Name"()',
    "create function odd(int) returns int language sql as 'select 1'",
    "create extension citext",
    "create domain positive as int check (value > 0)",
    "create domain short_text as char(4)",
    "create domain nested as positive",
]


def test_every_type_arrives_as_it_was_by_checksum_on_both_sides(lake_settings: Settings) -> None:
    dsn = lake_settings.dsn()
    statements, rows = list(TYPES), {}
    for number, (kind, values) in enumerate(EDGES.items()):
        listed = ", ".join(f"({place}, cast({value} as {kind}))" for place, value in enumerate(values))
        statements += [
            f"create table t{number}(id int primary key, v {kind})",
            f"insert into t{number} values (-1, null), {listed}",
        ]
        rows[f"public.t{number}"] = (kind, len(values) + 1)
    execute(dsn, *statements)
    done = ingest.run(lake_settings, ",".join(rows))
    assert [(rows[outcome.table][0], outcome.error) for outcome in done.failed] == []
    assert {outcome.table: outcome.rows for outcome in done.outcomes} == {table: count for table, (_, count) in rows.items()}
    printed = [printed_otherwise(lake_settings, number, kind) for number, kind in enumerate(EDGES)]
    assert len([checked for checked, _ in printed if checked]) > 70 and [kind for _, kind in printed if kind] == []
    wrong = [
        (rows[item.table], item.error, item.differences, item.batches)
        for item in reconcile.run(lake_settings, ",".join(rows))
        if item.word != "equal"
    ]
    assert wrong == [], wrong


def printed_otherwise(settings: Settings, number: int, kind: str) -> tuple[bool, str]:
    """Whether bronze has the type as text, and the type if that text is not what `COPY … TO` prints in our session."""
    [(told,)] = bronze(settings, f"t{number}", "any_value(typeof(v))")
    if told not in ("VARCHAR", "VARCHAR[]") or "[][]" in kind:
        return False, ""
    element = "v" if told == "VARCHAR" else "unnest(v)"
    held = [row[0] for row in bronze(settings, f"t{number}", f"{element}", "order by id")]
    with closing(open_source(settings)) as source, source.cursor() as cursor:
        out = io.StringIO()
        cursor.copy_expert(f"copy (select {element} from public.t{number} order by id) to stdout", out)
    copied = [None if line == "\\N" else unescaped(line) for line in out.getvalue().splitlines()]
    return True, "" if held == copied else f"{kind}: {held} for {copied}"


def unescaped(line: str) -> str:
    """A field of COPY's text format as it was."""
    known = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
    return re.sub(r"\\(.)", lambda found: known.get(found[1], found[1]), line)


def test_every_type_of_postgresql_has_a_row(fresh_database: str) -> None:
    """But those that nothing can be written into."""
    names = query(
        fresh_database,
        "select format_type(oid, null) from pg_type where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm') "
        "and typcategory <> 'A' and typcategory <> 'Z' and typname not in ('gtsvector', 'pg_node_tree')",
    )
    have = {query(fresh_database, f"select format_type('{kind}'::regtype, null)")[0][0] for kind in EDGES if own(kind)}
    assert len(names) > 70 and {name for (name,) in names} - have == set()


def own(kind: str) -> bool:
    return kind not in ("mood", "pair", "positive", "short_text", "nested", "citext") and "[" not in kind


def test_no_value_is_null_without_a_flag(lake_settings: Settings) -> None:
    """What Delta can't hold is in `_flags`, as text that PostgreSQL reads back."""
    dsn = lake_settings.dsn()
    flagged = {
        kind: values
        for kind, values in EDGES.items()
        if kind in ("numeric(10,2)", "date", "timestamp", "timestamptz", "int4[]", "numeric(6,2)[]", "date[]", "timestamptz[]")
    }
    assert len(flagged) == 8
    for number, (kind, values) in enumerate(flagged.items()):
        listed = ", ".join(f"({place}, cast({value} as {kind}))" for place, value in enumerate(values))
        execute(dsn, f"create table f{number}(id int primary key, v {kind})", f"insert into f{number} values {listed}")
    assert ingest.run(lake_settings).failed == []
    for number, kind in enumerate(flagged):
        held = bronze(lake_settings, f"f{number}", "id, v is null, json_extract_string(_flags, '$.v')", "order by id")
        assert any(null for _, null, _ in held)
        for place, null, text in held:
            assert null == (text is not None), (kind, place)
            if text is not None:
                assert query(dsn, f"select v::text = '{text}'::{kind}::text from f{number} where id = {place}") == [(True,)]


@pytest.mark.parametrize("columns", [0, 1, 1590])
def test_tables_of_any_width(lake_settings: Settings, columns: int) -> None:
    dsn = lake_settings.dsn()
    listed = ", ".join(f"c{number} int" for number in range(columns))
    execute(dsn, f"create table t({listed})")
    if columns:
        execute(dsn, f"insert into t select {', '.join(['n'] * columns)} from generate_series(1, 20) n")
    assert outcome(lake_settings).rows == (20 if columns else 0)
    [found] = reconcile.run(lake_settings)
    assert (found.word, found.error) == ("equal", "")
