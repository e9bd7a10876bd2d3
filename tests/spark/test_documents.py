"""Nested JSON as columns and rows: what went in comes out, or stands in `_flags`."""

import itertools
import json
import math
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from documents import rendered
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

_numbers = itertools.count(1)
Row = dict[str, Any]
# Dots, quotes, words of SQL, what extended JSON begins with, our own signs, no name at all.
NAMES = ["a", "a.b", "select", "$oid", "é", "`q'\"\\", "", "=x", "#1", "!"]


def view(spark: Any, texts: Sequence[str | None], flags: Sequence[str | None] = ()) -> str:
    """A view of documents, `_id` their position."""
    name = f"documents{next(_numbers)}"
    rows = list(itertools.zip_longest(range(len(texts)), texts, flags))
    spark.createDataFrame(rows, "_id int, _document string, _flags string").createOrReplaceTempView(name)
    return name


def rows(spark: Any, query: str, **given: Any) -> list[Row]:
    return [row.asDict() for row in spark.sql(rendered(query, **given)).collect()]


# --- flattened, then nested again ---

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.sampled_from(["null", "true", "1", "1.10", "[1]", '{"a": 1}', '"#1"', "=", "#", "\\", '"', '\\"#2"', "\x00", "x 1", "$"]),
)


def objects(names: list[str]) -> st.SearchStrategy[Row]:
    """Documents with these names on each level."""
    values = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=3),
        max_leaves=9,
    )
    return st.dictionaries(st.sampled_from(names), values, min_size=1, max_size=3)


class Number(str):
    """A number as it is written."""


def told(text: str) -> Any:
    return json.loads(text, parse_int=Number, parse_float=Number)


def paths(documents: list[Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], list[Any]]:
    """The documents' paths through objects alone, and the values there."""
    found = {path: list(documents)}
    for name in {name for document in documents if isinstance(document, dict) for name in document}:
        inner = [document[name] for document in documents if isinstance(document, dict) and name in document]
        found |= paths(inner, (*path, name))
    return found


def nested(spark: Any, texts: list[str]) -> list[Any]:
    """The documents again, put together from what the macros make of them; arrays of all documents and paths are read at once."""
    relation, found = view(spark, texts), paths([told(text) for text in texts])
    lists = {path: number for number, (path, there) in enumerate(found.items()) if any(isinstance(value, list) for value in there)}
    fields = [
        {"path": list(path), "type": kind, "name": f"{kind}{number}"}
        for number, path in enumerate(found)
        for kind in ("kind", "string", *(["json"] if path in lists else []))
    ]
    query = "{{ flattened_documents(relation, fields, keep=['_id'], flags=none, besides=besides) }} order by _id"
    read = rows(spark, query, relation=relation, fields=fields, besides=[list(path) for path in lists if path])
    assert [row["_id"] for row in read] == list(range(len(texts))) and not any(row["_unknown_fields"] for row in read)
    wholes = [(row["_id"], path) for row in read for path, number in lists.items() if row[f"kind{number}"] == "array"]
    held: dict[tuple[int, tuple[str, ...]], list[Any]] = {whole: [] for whole in wholes}
    if wholes:
        relation = view(spark, [read[number][f"json{lists[path]}"] for number, path in wholes])
        query = "{{ array_elements(relation, [], keep=['_id'], flags=none) }} order by _id, _position"
        elements = [row for row in rows(spark, query, relation=relation) if row["_position"] is not None]
        inner = nested(spark, [row["_element"] for row in elements]) if elements else []
        for row, value in zip(elements, inner, strict=True):
            assert row["_position"] == len(held[wholes[row["_id"]]])
            held[wholes[row["_id"]]].append(value)
    known = {path: number for number, path in enumerate(found)}
    return [put_together(row, (), known, held) for row in read]


_ABSENT = object()


def put_together(row: Row, path: tuple[str, ...], known: dict[tuple[str, ...], int], held: dict[Any, list[Any]]) -> Any:
    kind, text = row[f"kind{known[path]}"], row[f"string{known[path]}"]
    if kind == "object":
        names = [each[-1] for each in known if each and each[:-1] == path]
        children = {name: put_together(row, (*path, name), known, held) for name in names}
        return {name: value for name, value in children.items() if value is not _ABSENT}
    if kind == "array":
        return held[row["_id"], path]
    if kind in ("number", "boolean"):
        return told(text)
    return {None: _ABSENT, "null": None, "string": text}[kind]


@given(data=st.data())
@examples(max_examples=2, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_what_was_flattened_is_nested_again(spark: Any, data: st.DataObject) -> None:
    """Each document of a batch comes back, absent and null told apart, numbers as they were written, whatever is mixed in a field."""
    names = data.draw(st.permutations(NAMES))[:3]
    documents = data.draw(st.lists(objects(names), min_size=30, max_size=50))
    rng = random.Random(len(str(documents)))
    texts = [json.dumps(each, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1])) for each in documents]
    assert nested(spark, texts) == [told(text) for text in texts]


# --- values and types ---

TYPES = {"bigint": "i", "int": "n", "decimal(10,2)": "d", "double": "f", "boolean": "b", "string": "s", "json": "j"}
FIELDS = [{"path": "v", "type": kind, "name": name} for kind, name in TYPES.items()]
written = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.decimals(-(10**12), 10**12, places=3).map(str),
    st.decimals(-1000, 1000, places=2).map(lambda value: f"{value:.1E}"),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(
        [
            "0",
            "-0",
            "0.0",
            "1.10",
            "1e400",
            "-1e-400",
            "1E5",
            "1.0",
            "1.5e1",
            "100e-1",
            "0e99",
            "2147483648",
            "99999999.99",
            "99999999.995",
        ]
    ),
    st.booleans().map(json.dumps),
    st.text(max_size=4).filter(lambda text: text.isprintable()).map(json.dumps),
    st.sampled_from(
        ['"42"', '"007"', '" 1"', '"1.5"', '"true"', '"NaN"', "[1]", '{"x": 1}', '{"$numberLong": "7"}', '{"$date": 7}']
    ),
)


def fits(kind: str, value: Any) -> Any:
    """What plain Python says that the type holds of a value; None if it does not fit."""
    if isinstance(value, dict) and value.keys() == {"$numberLong"}:
        value = Number(value["$numberLong"])
    if isinstance(value, list | dict):
        return None
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    if kind == "string":
        return text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text)
    try:
        if not isinstance(json.loads(text), int | float) or text != text.strip() or isinstance(json.loads(text), bool):
            return None
    except ValueError:
        return None
    if text in ("NaN", "Infinity", "-Infinity"):
        return None
    number = Decimal(text)
    if kind == "double":
        return float(text) if math.isfinite(float(text)) and (float(text) or not number) else None
    if kind.startswith("decimal"):
        return number if abs(number) < 10**8 and number == round(number, 2) else None
    least = 2 ** (31 if kind == "int" else 63)
    return int(number) if number == int(number) and -least <= number < least else None


@given(texts=st.lists(written, min_size=150, max_size=300))
@examples(max_examples=2, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_a_value_is_in_its_type_or_in_the_flags(spark: Any, texts: list[str]) -> None:
    found = rows(
        spark,
        "{{ flattened_documents(relation, fields, keep=['_id']) }}",
        relation=view(spark, [f'{{"v": {text}}}' for text in texts]),
        fields=FIELDS,
    )
    for row in found:
        text, flags = texts[row["_id"]], json.loads(row["_flags"] or "{}")
        value = json.loads(text, parse_int=Number, parse_float=Number)
        assert told(row["j"]) == value
        for kind, name in list(TYPES.items())[:-1]:
            if row[name] is None:
                # Of a type for exact numbers, one with an exponent is flagged although it may fit.
                assert fits(kind, value) is None or (kind != "double" and "e" in text.lower()), (kind, text)
                shown = flags[name] if isinstance(value, str | bool) else told(flags[name])
                assert shown == (value if not isinstance(value, bool) else text), (kind, text)
            else:
                assert row[name] == fits(kind, value) and name not in flags, (kind, text, row[name])


TIMES = {
    '{"$date": "2021-11-27T10:15:56.296+0000"}': datetime(2021, 11, 27, 10, 15, 56, 296000, UTC),
    '{"$date": "2021-11-27T10:15:56.296Z"}': datetime(2021, 11, 27, 10, 15, 56, 296000, UTC),
    '{"$date": {"$numberLong": "1638008156296"}}': datetime(2021, 11, 27, 10, 15, 56, 296000, UTC),
    '{"$date": 1638008156296}': datetime(2021, 11, 27, 10, 15, 56, 296000, UTC),
    '{"$date": -1}': datetime(1969, 12, 31, 23, 59, 59, 999000, UTC),
    '"2021-11-27T10:15:56-03:00"': datetime(2021, 11, 27, 13, 15, 56, tzinfo=UTC),
    '"2021-11-27 10:15:56.123456-03"': datetime(2021, 11, 27, 13, 15, 56, 123456, UTC),
    '"2021-11-27T10:15:56.5"': datetime(2021, 11, 27, 10, 15, 56, 500000, UTC),
    '"2021-11-27T10:15"': datetime(2021, 11, 27, 10, 15, tzinfo=UTC),
    '"2021-11-27"': datetime(2021, 11, 27, tzinfo=UTC),
    '"2021-11-27T10:15:56.1234567Z"': None,  # parts of a microsecond
    '"2021-02-30"': None,
    '"27/11/2021"': None,
    '{"$date": 99999999999999999}': None,
    '{"$date": "2021-11-27", "more": 1}': None,
    "1638008156296": None,  # seconds, milliseconds, or no time at all
}


def test_times_are_instants_whatever_the_session_is(spark: Any) -> None:
    fields = [{"path": "v", "type": "timestamp"}, {"path": "v", "type": "date", "name": "d"}]
    query = "select _id, unix_micros(v) as v, d, _flags from ({{ flattened_documents(relation, fields, keep=['_id']) }})"
    relation = view(spark, [f'{{"v": {text}}}' for text in TIMES])
    zone = spark.conf.get("spark.sql.session.timeZone")
    try:
        spark.conf.set("spark.sql.session.timeZone", "America/Sao_Paulo")
        found = {row["_id"]: row for row in rows(spark, query, relation=relation, fields=fields)}
    finally:
        spark.conf.set("spark.sql.session.timeZone", zone)
    for number, (text, wanted) in enumerate(TIMES.items()):
        at = wanted and round(wanted.timestamp() * 1e6)
        assert found[number]["v"] == at and ("v" in json.loads(found[number]["_flags"] or "{}")) == (at is None), text
    assert {list(TIMES)[number]: row["d"] for number, row in found.items() if row["d"]} == {'"2021-11-27"': date(2021, 11, 27)}


NO_DOCUMENTS = [
    '{"a":1',
    '{"a":1} x',
    '{"a":1}{"a":2}',
    "{},{}",
    '{"a":1}], [',
    "",
    '{"a":NaN}',
    "{'a':1}",
    '{"a":007}',
    '{"a":1,}',
    "{a:1}",
]
NO_DOCUMENTS += ['{"a":+1}', "{1:2}", '{"x":{true :2}}', '\ufeff{"a":1}', '{"a":"x\ty"}', '{"a":' * 1200 + "1" + "}" * 1200]


def test_what_is_no_document_is_flagged(spark: Any) -> None:
    texts = [*NO_DOCUMENTS, "5", '"x"', "[1]"]
    fields = [{"path": "a", "type": "json"}, {"path": "b.c", "type": "int"}]
    query = "{{ flattened_documents(relation, fields, keep=['_id']) }}"
    found = rows(spark, query, relation=view(spark, texts), fields=fields)
    assert {row["_id"]: json.loads(row["_flags"]) for row in found} == {
        number: {"_document": json.loads(text) if text == '"x"' else text[:1000]} for number, text in enumerate(texts)
    }
    assert not any(row["a"] or row["_unknown_fields"] for row in found)


def test_what_a_document_has_wrong_is_flagged_and_the_rest_is_read(spark: Any) -> None:
    cases: dict[str | None, tuple[Row, Row | None]] = {
        '{"a": 1, "a": 2, "b": {"c": 3, "c": 4}}': (
            {"a": 2, "c": 4},
            {"_document.": "more than once: a", "_document.b.": "more than once: c"},
        ),
        '{"a": 1, "b": 5}': ({"a": 1}, {"_document.b": "5"}),
        '{"a": "x", "b": null}': ({}, {"a": "x", "before": "y"}),
        '{"a": null, "b": {}}': ({}, {"before": "y"}),
        '{"a": {"$undefined": true}}': ({}, None),
        r'{"a": 1, "x": "\ud800"}': ({"a": 1, "_unknown_fields": ["x"]}, {"_document.*": "half of a surrogate pair, read as ?"}),
        r'{"a": 1, "x": "\ud83d\ude00 \\ud800"}': ({"a": 1, "_unknown_fields": ["x"]}, None),
        '{"a": 1, "b": {"c": 2, "new.one": 1}, "z": {}}': ({"a": 1, "c": 2, "_unknown_fields": ["z", "b.new.one"]}, None),
        "null": ({}, None),
        None: ({}, None),
    }
    fields = [{"path": "a", "type": "int"}, {"path": "b.c", "type": "int", "name": "c"}]
    before = [
        json.dumps({"a": "old", "before": "y"})
        if (found[1] or {}).get("a")
        else '{"before":"y"}'
        if "before" in (found[1] or {})
        else None
        for found in cases.values()
    ]
    query = "{{ flattened_documents(relation, fields, keep=['_id']) }}"
    for row in rows(spark, query, relation=view(spark, list(cases), before), fields=fields):
        wanted, flags = list(cases.values())[row.pop("_id")]
        assert (json.loads(row["_flags"]) if row["_flags"] else None) == flags
        assert {name: value for name, value in row.items() if value is not None and name != "_flags"} == wanted


def test_numbers_and_texts_of_a_nested_value_are_as_they_were(spark: Any) -> None:
    """Spark's own reader makes 1.1, "Infinity" and 1.2345678901234567E19 of them."""
    text = '{"n":[1.10,1e400,12345678901234567890,"#5","=6","x 5",true,null,{"\\"#7":"é\\u00e9\\\\"}]}'
    [row] = rows(spark, "{{ flattened_documents(relation, [{'path': 'n', 'type': 'json'}]) }}", relation=view(spark, [text]))
    assert row["n"].startswith('[1.10,1e400,12345678901234567890,"#5","=6","x 5",true,null,') and told(row["n"]) == told(text)["n"]


def test_parents_without_elements_stay(spark: Any) -> None:
    texts = [
        '{"a":{"b":[1.10,null,{"c":[1,2]},[]]}}',
        '{"a":{"b":[]}}',
        '{"a":{"b":null}}',
        '{"a":{}}',
        "{}",
        '{"a":{"b":5}}',
        '{"a":"x"}',
        "{",
    ]
    relation = view(spark, texts)
    found = rows(spark, "{{ array_elements(relation, 'a.b', keep=['_id']) }} order by _id, _position", relation=relation)
    elements = [(row["_id"], row["_position"], row["_element"]) for row in found]
    assert elements[:4] == [(0, 0, "1.10"), (0, 1, "null"), (0, 2, '{"c":[1,2]}'), (0, 3, "[]")]
    assert elements[4:] == [(number, None, None) for number in range(1, 8)]
    flagged = {row["_id"]: json.loads(row["_flags"]) for row in found if row["_flags"]}
    assert flagged == {5: {"_document.a.b": "5"}, 6: {"_document.a": "x"}, 7: {"_document": "{"}}
    query = """
        with outer_ as ({{ array_elements(relation, 'a.b', keep=['_id']) }}),
        inner_ as ({{ array_elements('outer_', 'c', keep=['_id', '_position'], text='_element', element='_inner', position='_place') }}),
        flat as ({{ flattened_documents('inner_', [{'path': [], 'type': 'int', 'name': 'v'}], keep=['_id', '_position', '_place'], text='_inner') }})
        select _position, _place, v, _flags from flat where _id = 0 order by _position, _place
    """
    assert [tuple(row.values()) for row in rows(spark, query, relation=relation)] == [
        (0, None, None, '{"_element":"1.10"}'),
        (1, None, None, None),
        (2, 0, 1, None),
        (2, 1, 2, None),
        (3, None, None, '{"_element":"[]"}'),
    ]


def test_a_long_document_is_read(spark: Any) -> None:
    """No pattern goes over it by calling itself: a stack has an end."""
    text = json.dumps({"a": "x" * 500_000, "b": ["s"] * 100_000, "c": [1.5] * 100_000})
    fields = [{"path": "a", "type": "string"}, {"path": "b", "type": "json"}, {"path": "c", "type": "json"}]
    query = "{{ flattened_documents(relation, fields) }}"
    [row] = rows(spark, query, relation=view(spark, [text]), fields=fields)
    assert row["_flags"] is None and (len(row["a"]), len(json.loads(row["b"])), len(json.loads(row["c"]))) == (
        500_000,
        100_000,
        100_000,
    )
