"""Rules of the dbt project that dbt does not check: everything is described, and what is drafted is finished."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse.settings import ROOT
from workspaces.skeleton import LATER

MODELS = ROOT / "dbt_project" / "models"
FILES = sorted(MODELS.rglob("*.yml"))


def described() -> dict[str, dict[str, Any]]:
    return {model["name"]: model for path in FILES for model in yaml.safe_load(path.read_text()).get("models", [])}


def wanting(thing: dict[str, Any]) -> bool:
    said = str(thing.get("description") or "").strip()
    return not said or said.startswith(LATER)


def test_every_model_is_described_and_nothing_else_is() -> None:
    files = {path.stem for path in MODELS.rglob("*.sql")}
    assert files and files == set(described())


@pytest.mark.parametrize("name", sorted(described()))
def test_every_column_says_what_it_is(name: str) -> None:
    model = described()[name]
    assert not wanting(model), f"{name} has no description"
    assert model.get("columns"), f"{name} names no columns"
    assert [column["name"] for column in model["columns"] if wanting(column)] == []
    assert [column["name"] for column in model["columns"] if not column.get("data_type")] == []


def test_every_source_and_exposure_says_what_it_is() -> None:
    found = 0
    for path in FILES:
        read = yaml.safe_load(path.read_text())
        for thing in [
            *(one for kind in ("exposures", "metrics", "semantic_models") for one in read.get(kind, [])),
            *(t for source in read.get("sources", []) for t in [source, *source["tables"]]),
        ]:
            assert not wanting(thing), f"{path.name}: {thing['name']}"
            found += 1
    assert found > 5


@pytest.mark.parametrize(
    "path", sorted(MODELS.rglob("int_*.sql")) + sorted((MODELS / "gold").rglob("*.sql")), ids=lambda path: path.stem
)
def test_what_is_released_keeps_a_contract_and_has_a_suite(path: Path) -> None:
    assert described()[path.stem]["config"]["contract"] == {"enforced": True}
    layer = path.relative_to(MODELS).parts[0]
    assert (ROOT / "expectations" / "suites" / layer / f"{path.stem}.yml").is_file()


def test_models_keep_the_style() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("sqlfluff"), "lint", "--nofail", "--format", "json", MODELS],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert len(found) == len(list(MODELS.rglob("*.sql"))), done.stderr
    assert [f"{Path(one['filepath']).name}: {each['description']}" for one in found for each in one["violations"]] == []


@pytest.mark.parametrize("path", sorted(MODELS.rglob("*.sql")), ids=lambda path: path.stem)
def test_models_meet_tables_by_ref_and_source_alone(path: Path) -> None:
    named = re.findall(
        r"\b(?:from|join)\s+((?:bronze|bronze_gated|silver|silver_candidate|gold|gold_candidate)\.\w+)",
        path.read_text(encoding="utf-8"),
    )
    assert named == []
