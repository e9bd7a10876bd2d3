"""The JSON schema of suites, by which an editor completes and checks them; `python -m expectations.schema` writes it."""

import json
from pathlib import Path
from typing import Any

from expectations import registry
from expectations.suite import OWN_KEYS, Suite

PATH = Path(__file__).with_name("suite.schema.json")


def schema() -> dict[str, Any]:
    """Draft 7, which editors know best."""
    whole = Suite.model_json_schema()
    own = whole["$defs"]["Check"]["properties"]
    kinds = {name: registry.arguments(name) for name in registry.types()}
    every = sorted({*OWN_KEYS, *(argument for arguments in kinds.values() for argument in arguments)})
    check = {
        "type": "object",
        "required": ["expect"],
        "properties": {name: own[name] for name in OWN_KEYS} | {"expect": {"enum": sorted(kinds)}},
        "propertyNames": {"enum": every},
        "allOf": [_when(name, arguments) for name, arguments in sorted(kinds.items())],
    }
    properties = whole["properties"] | {"checks": {"type": "array", "minItems": 1, "items": check}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Comporta suite",
        "type": "object",
        "additionalProperties": False,
        "required": whole["required"],
        "anyOf": [{"required": ["checks"]}, {"required": ["exempt"]}],
        "properties": properties,
        "$defs": {"Exemption": whole["$defs"]["Exemption"]},
    }


def _when(name: str, arguments: dict[str, dict[str, Any]]) -> dict[str, Any]:
    properties = {argument: {"description": said["description"]} for argument, said in arguments.items() if "description" in said}
    names = {"propertyNames": {"enum": sorted({*OWN_KEYS, *arguments})}}
    return {"if": {"properties": {"expect": {"const": name}}}, "then": {"properties": properties} | names if properties else names}


def text() -> str:
    """As it stands in the file."""
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(text())
