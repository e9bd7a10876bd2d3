"""The analysts' questions are in words that both Athena and Spark know, and ask for tables and columns that there are."""

import re
from pathlib import Path

import pytest
import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from lakehouse.settings import ROOT

FILES = sorted((ROOT / "sql").rglob("*.sql"))
# Sqlglot knows these words in either dialect and would translate them; we want no translation.
ONE_SIDED = re.compile(r"\b(unnest|explode|date_?diff|date_?add|date_format|try|if|lateral|struct|element_at|concat_ws)\s*\(", re.I)


def columns(layer: str) -> dict[str, dict[str, str]]:
    """Tables of the layer to their columns and types, by dbt's YAML."""
    models = [
        model
        for path in (ROOT / "dbt_project/models" / layer).rglob("*.yml")
        for model in yaml.safe_load(path.read_text()).get("models", [])
    ]
    return {model["name"]: {column["name"]: column["data_type"] for column in model["columns"]} for model in models}


@pytest.mark.parametrize("dialect", ["athena", "trino", "spark"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_question_is_understood_and_its_names_exist(path: Path, dialect: str) -> None:
    [asked] = sqlglot.parse(path.read_text(encoding="utf-8"), read=dialect)
    assert isinstance(asked, exp.Query)
    assert not list(asked.find_all(exp.Command)) and not ONE_SIDED.search(path.read_text(encoding="utf-8"))
    assert not [table for table in asked.find_all(exp.Table) if table.db], "the folder names the database"
    qualify(asked, schema=columns(path.parent.name), dialect=dialect, validate_qualify_columns=True)


def test_every_question_is_listed() -> None:
    listed = re.findall(r"\(((?:gold|silver)/\w+\.sql)\)", (ROOT / "sql/README.md").read_text())
    assert sorted(listed) == [str(path.relative_to(ROOT / "sql")) for path in FILES] and len(FILES) >= 8
