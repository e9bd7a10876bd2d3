"""What the macros of nested JSON refuse to compile, and say why."""

from typing import Any

import pytest
from documents import Refused, rendered

FLAT = "{{ flattened_documents('t', fields, keep=keep) }}"


@pytest.mark.parametrize(
    ("fields", "keep", "said"),
    [
        (
            [{"path": "score.score", "type": "int"}, {"path": "score_score", "type": "int"}],
            [],
            "the field score.score and the field score_score would both be the column score_score",
        ),
        ([{"path": "a.b", "type": "int"}, {"path": ["a", "b"], "type": "int"}], [], "would both be the column a_b"),
        (
            [{"path": "A", "type": "int"}, {"path": "a", "type": "int"}],
            [],
            "the field A and the field a would both be the column a",
        ),
        ([{"path": "id", "type": "int"}], ["ID"], "the column ID and the field id would both be the column id"),
        ([{"path": "x", "type": "int", "name": "_flags"}], [], "the column _flags and the field x would both be"),
        ([{"path": "x", "type": "uuid"}], [], "x is to be uuid (wanted: string, boolean,"),
        ([{"path": "x", "type": "array<int>"}], [], "Take json for what has none of them"),
        ([{"path": "x", "kind": "int"}], [], "is no field (wanted: {'path': …, 'type': …, 'name': …})"),
        ([{"path": "x", "type": "int", "tpye": "int"}], [], "x says tpye (wanted: path, type, name)"),
        ([{"path": [], "type": "int"}], [], "the field [] has no name of its own"),
        (["x"], [], "x is no field"),
    ],
)
def test_a_field_that_is_not_understood_is_refused(fields: list[Any], keep: list[str], said: str) -> None:
    with pytest.raises(Refused) as refused:
        rendered(FLAT, fields=fields, keep=keep)
    assert said in str(refused.value)


def test_an_element_that_would_hide_a_column_is_refused() -> None:
    with pytest.raises(Refused, match="two columns would be called _Element"):
        rendered("{{ array_elements('t', 'a', keep=['_element'], element='_Element') }}")


def test_a_field_has_its_path_for_a_name() -> None:
    made = rendered(FLAT, fields=[{"path": "score.origin.ip", "type": "string"}], keep=[])
    assert "as `score_origin_ip`" in made
