"""The JSON schema of suites says what the loader says, and every suite names it for editors."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from expectations import schema
from expectations.suite import SUITES

HEAD = {"table": "t", "description": "x", "owner": "me"}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads(schema.PATH.read_text()))


def test_the_file_is_up_to_date() -> None:
    assert schema.PATH.read_text() == schema.text(), "run .venv/bin/python -m expectations.schema"


@pytest.mark.parametrize("path", sorted(SUITES.rglob("*.yml")), ids=lambda path: path.stem)
def test_every_suite_names_it_and_is_valid(path: Path, validator: jsonschema.Draft7Validator) -> None:
    first, _, _ = path.read_text(encoding="utf-8").partition("\n")
    assert first == "# yaml-language-server: $schema=../../suite.schema.json"
    loaded = json.loads(json.dumps(YAML(typ="safe", pure=True).load(path), default=str))
    assert [error.message for error in validator.iter_errors(loaded)] == []


@pytest.mark.parametrize(
    "check",
    [
        {"expect": "expect_column_values_to_be_nul", "column": "a"},
        {"expect": "expect_column_values_to_be_null", "column": "a", "value_set": [1]},
        {"expect": "foreign_key", "column": "a", "table": "b", "within": "1 day"},
        {"column": "a"},
        {"expect": "fresh", "severity": "grave"},
    ],
)
def test_what_the_loader_refuses_the_editor_marks(check: dict[str, Any], validator: jsonschema.Draft7Validator) -> None:
    assert list(validator.iter_errors(HEAD | {"checks": [check]}))


def test_an_empty_suite_and_an_unknown_key_are_marked(validator: jsonschema.Draft7Validator) -> None:
    good = {"expect": "conserved", "table": "bronze.x", "key": ["a"], "severity": "warning", "tolerance": 3}
    assert not list(validator.iter_errors(HEAD | {"checks": [good]}))
    assert list(validator.iter_errors(HEAD | {"checks": []}))
    assert list(validator.iter_errors(HEAD | {"checks": [good], "chekcs": []}))
