"""Rules of this repository that no tool checks."""

import ast
import re
from pathlib import Path

import pytest

from lakehouse.settings import ROOT, Settings

# `lakehouse` is shared by all and knows none; ingestion and expectations never meet; inspection looks on, and nobody needs it.
FORBIDDEN = {
    "lakehouse": {"ingestion", "expectations", "inspection", "authoring"},
    "ingestion": {"expectations", "inspection", "authoring"},
    "expectations": {"ingestion", "inspection", "authoring"},
    "inspection": {"ingestion", "authoring"},
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_packages_import_only_downwards(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    wrong = [path.name for path in files if imports(path) & FORBIDDEN[package]]
    assert wrong == []


@pytest.mark.parametrize("readme", ["README.md", "README.pt-BR.md"])
def test_every_setting_is_documented(readme: str) -> None:
    text = (ROOT / readme).read_text()
    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in text] == []


def test_locks_name_hashes_and_no_addresses() -> None:
    locks = list(ROOT.glob("requirements*.lock"))
    assert len(locks) == 4
    for path in locks:
        text = path.read_text()
        assert "://" not in text, path.name
        assert len(re.findall(r"^[\w.\[\]-]+==", text, re.M)) == len(re.findall(r"==.*\\\n +--hash=sha256:", text)), path.name


def test_every_make_target_is_explained() -> None:
    targets = re.findall(r"^([a-z]+):(.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert len(targets) > 15
    assert [name for name, rest in targets if "## " not in rest and not rest.startswith("=")] == []


def test_test_modules_have_names_of_their_own() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) > 50
    assert sorted({name for name in names if names.count(name) > 1}) == []
