"""The first draft of a model: files that hang together, by the house's rules, and refusals that say what would do."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from authoring import skeleton
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project that knows one gold model."""
    column = {"data_type": "bigint", "description": 'Key of the "customer".'}
    node: dict[str, Any] = {
        "resource_type": "model", "name": "fct_orders", "original_file_path": "models/x.sql", "tags": ["gold"],
        "columns": {"order_id": column, "customer_id": {"data_type": "bigint", "description": ""}},
    }  # fmt: skip
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
    with pytest.raises(SettingsError, match="exists"):
        skeleton.draft(settings, "gold.sales.rpt_returns", ["fct_orders"], ["order_id"], "me", tmp_path)


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
