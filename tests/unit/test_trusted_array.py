"""An array of documents is cut where it was put together, whatever stands in it; what is none is refused with its place."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.trusted import Broken, elements, lines_of

TEXTS = st.text(alphabet=st.sampled_from('a{}[]",:\\/\n é€😀\x7f')) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
BLANKS = st.text(st.sampled_from(" \t\r\n"), max_size=3)


def cut(text: str | bytes) -> list[tuple[str, str | None]]:
    content = text if isinstance(text, bytes) else text.encode()
    return list(elements(content.split(b"}"), "f.json"))


@given(st.lists(st.tuples(VALUES, BLANKS, BLANKS, st.booleans(), st.none() | st.integers(0, 2))), BLANKS, BLANKS)
def test_each_element_is_the_text_that_it_was(parts: list[Any], before: str, after: str) -> None:
    texts = [json.dumps(value, ensure_ascii=ascii, indent=indent) for value, _, _, ascii, indent in parts]
    spaced = [f"{left}{text}{right}" for text, (_, left, right, _, _) in zip(texts, parts, strict=True)]
    found = cut(f"{before}[{','.join(spaced)}]{after}")
    assert [text for text, _ in found] == texts
    assert [wrong is None for _, wrong in found] == [isinstance(value, dict) for value, *_ in parts]


@given(st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), min_size=1), st.data())
def test_an_array_that_is_cut_off_is_refused(documents: list[Any], data: st.DataObject) -> None:
    text = json.dumps(documents)
    with pytest.raises(Broken, match="f.json, line 1, column"):
        cut(text[: data.draw(st.integers(0, len(text) - 1))])


@pytest.mark.parametrize(
    "text", ['{"a": 1.10}', '{"a": 1E400, "b": -0.0}', '{"a":1,"a":2}', '{"a" :\n\t"\\u00e9\\/"}', '{"n": 1' + "0" * 5000 + "}"]
)
def test_nothing_is_rewritten(text: str) -> None:
    assert cut(f"[{text},{text}]") == [(text, None), (text, None)]
    assert [*lines_of([text.encode()])] == [(text, None)]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "line 1, column 1: the file ends where [ should be"),
        ("id,name\n1,x", "line 1, column 1: 'i' where [ should be"),
        ('{"a": 1}\n{"a": 2}', "line 1, column 1: '{' where [ should be. Is it --format jsonl?"),
        ('[\n {"a": 1}\n {"a": 2}]', "line 3, column 2: '{' where , or ] should be"),
        ('[{"a": 1},\n]', "line 2, column 1: Expecting value"),
        ('[{"a":\n {"b": 1}, "c" 2}]', "line 2, column 16: Expecting ':' delimiter"),
        ('[{"a": 1}] x', "line 1, column 12: 'x' where nothing more should be"),
        ('[{"a": 1}][]', "line 1, column 11: '[' where nothing more should be"),
        ('[{"a": NaN}]', "line 1, column 2: NaN is no value of JSON"),
        (b'[{"a": 1},\n{"a": "\xe9"}]', "line 2, column 8: a byte that is not UTF-8"),
        ("[" * 100_000 + "]" * 100_000, "line 1, column 2: nested too deeply"),
        ("]", "line 1, column 1: ']' where [ should be"),
    ],
)
def test_what_is_no_array_says_where(text: str | bytes, where: str) -> None:
    with pytest.raises(Broken) as told:
        cut(text)
    assert str(told.value) == f"Broken: f.json, {where}"


def test_a_document_is_one_however_many_braces_it_has() -> None:
    inner = ",".join(f'{{"k":"}}{{{number}"}}' for number in range(200_000))
    assert [len(text) for text, _ in cut(f'[{{"a":[{inner}]}}]')] == [len(inner) + 8]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        (b'{"a": 1', "is no JSON: Expecting ',' delimiter, column 8"),
        (b'{"a": "\xe9"}', "has a byte that is not UTF-8, the 8th"),
        (b"[1]", 'is no object: ["1"]'),
        (b'{"a": 1} {"b": 2}', "is no JSON: Extra data, column 10"),
        (b'{"a": Infinity}', "is no JSON: Infinity is no value of JSON, column 1"),
        (b'{"a":' + b"[" * 100_000, "is no JSON: nested too deeply, column 1"),
    ],
)
def test_a_line_that_is_no_document_says_why(line: bytes, wrong: str) -> None:
    assert [each for _, each in lines_of([b'{"a": 1}', b" ", line])] == [None, wrong]
