"""The first draft of a model: files that hang together, by the house's rules, and refusals that say what would do."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Template
from ruamel.yaml import YAML

from lakehouse.errors import SettingsError
from lakehouse.settings import Settings
from workspaces import skeleton


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project that knows one gold model."""
    column = {"data_type": "bigint", "description": 'Key of the "customer".'}
    node: dict[str, Any] = {
        "resource_type": "model",
        "name": "fct_orders",
        "original_file_path": "models/x.sql",
        "tags": ["gold"],
        "columns": {"order_id": column, "customer_id": {"data_type": "bigint", "description": ""}},
    }
    manifest = {"nodes": {"m": node}, "sources": {}, "parent_map": {}}
    (tmp_path / "dbt" / "target").mkdir(parents=True)
    (tmp_path / "dbt" / "target" / "manifest.json").write_text(json.dumps(manifest))
    return Settings(var_dir=tmp_path)


def test_a_draft_has_a_query_a_contract_tests_and_a_suite(settings: Settings, tmp_path: Path) -> None:
    made = skeleton.draft(settings, "gold.sales.rpt_returns", ["fct_orders"], ["order_id", "customer_id"], "me", tmp_path)
    skeleton.write(made)
    query, described, suite = (path.read_text() for path in made.files)
    assert "ref('fct_orders')" in query and "from orders" in query
    [model] = yaml.safe_load(described)["models"]
    assert model["name"] == "rpt_returns" and model["config"]["contract"] == {"enforced": True}
    assert model["columns"][0] == {"name": "order_id", "data_type": "bigint", "description": 'Key of the "customer".'}
    assert model["columns"][1]["description"].startswith(skeleton.LATER) and model["description"].startswith(skeleton.LATER)
    checks = yaml.safe_load(suite)["checks"]
    assert {"expect": "expect_compound_columns_to_be_unique", "column_list": ["order_id", "customer_id"]} in checks
    assert yaml.safe_load(suite)["owner"] == "me"
    with pytest.raises(SettingsError, match="has a model rpt_returns"):
        skeleton.draft(settings, "gold.sales.rpt_returns", ["fct_orders"], ["order_id"], "me", tmp_path)


def test_a_folder_has_one_file_of_models(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "dbt_project" / "models" / "gold" / "sales" / "_sales__models.yml"
    path.parent.mkdir(parents=True)
    before = "version: 2\nmodels:\n  # by hand\n  - {name: dim_a, description: A.}\n"
    path.write_text(before)
    made = skeleton.draft(settings, "gold.sales.rpt_a", ["fct_orders"], ["order_id"], "me", tmp_path)
    skeleton.write(made)
    assert path.read_text().startswith(before) and path.read_text() == f"{before}\n{made.added[path]}"
    assert [each["name"] for each in yaml.safe_load(path.read_text())["models"]] == ["dim_a", "rpt_a"]
    for text, said in (
        (path.read_text(), "has a model rpt_b"),
        ("models: [{name: a}]\nmetrics: []\n", "does not end with its list"),
    ):
        path.write_text(text.replace("rpt_a", "rpt_b"))
        with pytest.raises(SettingsError, match=said):
            skeleton.draft(settings, "gold.sales.rpt_b", ["fct_orders"], ["order_id"], "me", tmp_path)
    assert not (path.parent / "rpt_b.sql").exists()


@pytest.mark.parametrize(
    ("name", "parent", "key", "said"),
    [
        ("rpt_returns", "fct_orders", "order_id", "gold.sales.rpt_returns"),
        ("gold.sales.returns", "fct_orders", "order_id", "rpt_"),
        ("gold.sa/les.rpt_a", "fct_orders", "order_id", "layer.domain.model"),
        ("bronze.sales.rpt_a", "fct_orders", "order_id", "layer.domain.model"),
        ("gold.sales.fct_orders", "fct_orders", "order_id", "exists"),
        ("gold.sales.rpt_a", "fct_order", "order_id", "wanted: fct_orders"),
        ("gold.sales.rpt_a", "fct_orders", "ordr_id", "wanted: order_id"),
    ],
)
def test_what_can_not_be_drafted_says_what_could(
    settings: Settings, tmp_path: Path, name: str, parent: str, key: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        skeleton.draft(settings, name, [parent], [key], "me", tmp_path)
    assert not (tmp_path / "dbt_project").exists()


HOSTILE = ["x: [", "a #b", "'q' \"d\" `b`", "- y", "nó, nu}", "yes", "08", "\x1b[31m\u202e", "😀\nx", "%s\\n", "&a *b !c | >"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_draft_holds_any_name_as_text(tmp_path: Path, text: str) -> None:
    """In YAML, SQL and Jinja alike: names of columns, descriptions and owners come from databases and people."""
    parent = f"dim_{text}"
    told = f'{text} {{{{ env_var("HOME") }}}} {{% x %}} {{# y #}}'
    node: dict[str, Any] = {
        "resource_type": "model",
        "name": parent,
        "original_file_path": "models/x.sql",
        "tags": ["gold"],
        "columns": {name: {"data_type": "decimal(9, 2)", "description": told} for name in (text, "order_id")},
    }
    (tmp_path / "dbt" / "target").mkdir(parents=True)
    (tmp_path / "dbt" / "target" / "manifest.json").write_text(json.dumps({"nodes": {"m": node}}))
    made = skeleton.draft(Settings(var_dir=tmp_path), "gold.sales.rpt_a", [parent], [text, "order_id"], text, tmp_path)
    query, described, suite = made.files.values()
    asked: list[str] = []
    rendered = Template(query).render(ref=lambda name: asked.append(name) or "p")
    named = text if text == "yes" else "`" + text.replace("`", "``") + "`"
    assert asked == [parent] and f"distinct\n        {named},\n        order_id\n    from {named}\n" in rendered
    [model] = yaml.safe_load(described)["models"]
    assert [column["name"] for column in model["columns"]] == [text, "order_id"]
    assert Template(model["columns"][0]["description"]).render() == told
    assert Template(model["description"]).render() == f"{skeleton.LATER}: one row per {text}, order_id …"
    assert [each["not_null"]["arguments"]["column_name"] for each in model["data_tests"]] == [text, "order_id"]
    for read in (yaml.safe_load, YAML(typ="safe").load):
        found = read(suite)
        assert (found["owner"], found["checks"][0]["column"]) == (text, text)
        assert found["checks"][2]["column_list"] == [text, "order_id"] and found["description"] == f"One row per {text}, order_id."


def test_a_draft_refuses_a_name_that_is_code_to_dbt(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "dbt" / "target" / "manifest.json"
    path.write_text(path.read_text().replace('"order_id"', '"{{ env_var(1) }}"'))
    with pytest.raises(SettingsError, match=r"KEY: '\{\{ env_var\(1\) \}\}' is code to dbt .*Rename it"):
        skeleton.draft(settings, "gold.sales.rpt_a", ["fct_orders"], ["{{ env_var(1) }}"], "me", tmp_path)


@pytest.mark.parametrize(("parents", "key", "said"), [([], ["order_id"], "FROM"), (["fct_orders"], [], "KEY")])
def test_a_draft_wants_a_parent_and_a_key(
    settings: Settings, tmp_path: Path, parents: list[str], key: list[str], said: str
) -> None:
    with pytest.raises(SettingsError, match=f"{said}: names nothing"):
        skeleton.draft(settings, "gold.sales.rpt_a", parents, key, "me", tmp_path)
