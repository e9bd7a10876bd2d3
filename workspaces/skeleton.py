"""The first draft of a model: its query, its description with columns and tests, its suite. Builds as it stands; says what is left to say."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from lakehouse import atomic, dbt
from lakehouse.console import shown
from lakehouse.engines.catalog import quote
from lakehouse.errors import SettingsError
from lakehouse.settings import ROOT, Settings

LATER = "TODO"  # tests/contracts refuses a description that begins so
_PLAIN = re.compile(r"[a-z][a-z0-9_]*")
_JINJA = re.compile(r"\{(?=[{%#])")  # where dbt would begin to read code
_PREFIX = {"gold": ("dim_", "fct_", "rpt_"), "silver": ("int_",)}


@dataclass(frozen=True)
class ModelDraft:
    """Files by where they go, each whole; of those that are there already, what is put at their end."""

    files: dict[Path, str]
    added: dict[Path, str]


def draft(settings: Settings, name: str, parents: Sequence[str], key: Sequence[str], owner: str, root: Path = ROOT) -> ModelDraft:
    """Files of the model `name` (layer.domain.model) that reads `parents` and has one row per `key`.

    Raises:
        SettingsError: the name is not by the rules or is taken; a parent or a column of the key does not exist.
    """
    layer, domain, model = _named(name)
    for variable, given in (("FROM", parents), ("KEY", key)):
        if not given:
            raise SettingsError(
                variable, "names nothing", "names, separated by commas", f"make model NAME={name} FROM=fct_orders KEY=customer_id"
            )
    known = dbt.manifest(settings)
    nodes = {node["name"]: node for node in known["nodes"].values() if node["resource_type"] == "model"}
    if model in nodes:
        raise SettingsError("NAME", f"{model} exists: {nodes[model]['original_file_path']}", "a new name")
    for parent in parents:
        if parent not in nodes:
            near = get_close_matches(parent, list(nodes), 3, 0.5) or sorted(nodes)[:5]
            raise SettingsError("FROM", f"{parent} is no model", ", ".join(near), "Run dbt parse if it is new")
    columns = _columns(nodes[parents[0]], key)
    folder = root / "dbt_project" / "models" / layer / domain
    description, described = folder / f"_{domain}__models.yml", _described(model, columns, key)
    files = {
        folder / f"{model}.sql": _query(parents, list(columns)),
        description: _with(description, model, described),
        root / "expectations" / "suites" / layer / f"{model}.yml": _suite(model, key, owner),
    }
    if there := [path for path in files if path != description and path.exists()]:
        raise SettingsError(str(there[0]), "exists", "a new name", "Nothing was written")
    return ModelDraft(files, {description: described} if description.exists() else {})


def write(made: ModelDraft) -> None:
    """Write the files."""
    for path, text in sorted(made.files.items(), key=lambda each: each[0] in made.added):  # what others read last
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, text)


def _named(name: str) -> tuple[str, str, str]:
    parts = name.split(".")
    if len(parts) != 3 or parts[0] not in _PREFIX or not all(map(_PLAIN.fullmatch, parts)):
        raise SettingsError("NAME", f"is {name!r}", "layer.domain.model: gold.sales.rpt_returns")
    layer, domain, model = parts
    if not model.startswith(_PREFIX[layer]):
        raise SettingsError("NAME", f"{model} says not what it is", f"one that begins with {' or '.join(_PREFIX[layer])}")
    return layer, domain, model


def _columns(parent: Mapping[str, Any], key: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    held: dict[str, Mapping[str, Any]] = parent["columns"]
    for name in key:
        if name not in held:
            near = get_close_matches(name, list(held), 3, 0.5) or list(held)
            raise SettingsError("KEY", f"{name} is no column of {parent['name']}", ", ".join(near))
        if _JINJA.search(name):
            raise SettingsError("KEY", f"{name!r} is code to dbt", "a column whose name is none", f"Rename it in {parent['name']}")
    return {name: held[name] for name in key}


def _query(parents: Sequence[str], columns: Sequence[str]) -> str:
    inputs = [f"{_short(parent)} as (\n    select * from {{{{ ref({parent!r}) }}}}\n),\n" for parent in parents]
    named = ",\n".join(f"        {_identifier(name)}" for name in columns)
    final = f"final as (\n    select distinct\n{named}\n    from {_short(parents[0])}\n)\n\nselect * from final\n"
    return "with " + "\n".join([*inputs, final])


def _short(parent: str) -> str:
    return _identifier(re.sub(r"^(?:int|dim|fct|rpt|stg)_|__\w+$", "", parent))


def _identifier(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else quote(name)


def _scalar(text: str, within: str = "{{x: {}}}") -> str:
    """`text` as a value of YAML: as it is where YAML, in the place that `within` stands for, would read just that, else in quotes."""
    try:
        plain = yaml.safe_load(within.format(text)) == {"x": text} and not text[:1].isdigit()
    except yaml.YAMLError:
        plain = False
    return text if plain else shown(json.dumps(text, ensure_ascii=False))


def _line(text: str) -> str:
    """`_scalar` of a line of its own, where more is plain."""
    return _scalar(text, "x: {}")


def _with(path: Path, model: str, described: str) -> str:
    """The folder's file of models with one more at its end: what people wrote in it, comments too, stays as it is.

    Raises:
        SettingsError: the file does not end with its list of models, or has this one.
    """
    if not path.exists():
        return f"version: 2\n\nmodels:\n{described}"
    before = path.read_bytes().decode()  # its line ends as they are
    end = "\r\n" if "\r\n" in before else "\n"
    text = f"{before.rstrip()}{2 * end}{described.replace(chr(10), end)}"
    names = [[each.get("name") for each in _models(one)] for one in (before, text)]
    if model in names[0]:
        raise SettingsError(str(path), f"has a model {model}", "a new name", "Nothing was written")
    if names[1] != [*names[0], model]:
        raise SettingsError(str(path), "does not end with its list of models", "models: as the last key", "Nothing was written")
    return text


def _models(text: str) -> list[dict[str, Any]]:
    try:
        return list((yaml.safe_load(text) or {}).get("models") or [])
    except yaml.YAMLError:
        return []


def _described(model: str, columns: Mapping[str, Mapping[str, Any]], key: Sequence[str]) -> str:
    lines = [f"  - name: {model}"]
    described = json.dumps(f"{LATER}: one row per {', '.join(key)} …", ensure_ascii=False)
    lines += [f"    description: {shown(described)}", "    config:", "      contract: {enforced: true}"]
    lines.append("    columns:")
    for name, column in columns.items():
        # dbt reads descriptions as templates.
        told = _JINJA.sub("{{ '{' }}", str(column.get("description") or f"{LATER}: what it is."))
        kind, about = (shown(json.dumps(text, ensure_ascii=False)) for text in (str(column.get("data_type") or LATER), told))
        lines.append(f"      - {{name: {_scalar(name)}, data_type: {kind}, description: {about}}}")
    lines.append("    data_tests:")
    if len(key) == 1:
        lines.append(f"      - unique: {{arguments: {{column_name: {_scalar(key[0])}}}}}")
    lines += [f"      - not_null: {{arguments: {{column_name: {_scalar(name)}}}}}" for name in key]
    return "\n".join(lines) + "\n"


def _suite(model: str, key: Sequence[str], owner: str) -> str:
    lines = ["# yaml-language-server: $schema=../../suite.schema.json", f"table: {model}"]
    lines += [f"description: {_line('One row per ' + ', '.join(key) + '.')}", f"owner: {_line(owner)}", "checks:"]
    lines += [f"  - {{expect: expect_column_values_to_not_be_null, column: {_scalar(name)}}}" for name in key]
    if len(key) == 1:
        lines.append(f"  - {{expect: expect_column_values_to_be_unique, column: {_scalar(key[0])}}}")
    else:
        lines.append(f"  - {{expect: expect_compound_columns_to_be_unique, column_list: [{', '.join(map(_scalar, key))}]}}")
    lines.append("  - {expect: same_as_contract}")
    return "\n".join(lines) + "\n"
