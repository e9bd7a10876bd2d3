"""Rules of this repository that no tool checks."""

import re

import pytest

from lakehouse import dbt
from lakehouse.errors import ComportaError
from lakehouse.settings import ROOT, Settings


@pytest.mark.parametrize("readme", ["README.md", "README.pt-BR.md"])
def test_every_setting_is_documented(readme: str) -> None:
    text = (ROOT / readme).read_text()
    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in text] == []


def _codes() -> set[int]:
    """Exit codes of the tree of errors, those of the modules that have one of their own too."""
    errors = [ComportaError]
    for each in errors:
        errors.extend(each.__subclasses__())
    return {each.exit_code for each in errors}


@pytest.mark.parametrize("page", ["README.md", "README.pt-BR.md", "docs/operations.md", "lakehouse/errors.py"])
def test_exit_codes_are_documented_as_they_are(page: str) -> None:
    text = (ROOT / page).read_text()
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.M)}
    if page.endswith(".py"):
        told = {int(code) for code in re.findall(r"^(?:├──|└──|ComportaError) .*? (\d+)(?:\s|$)", text, re.M)}
    assert told - {0, 130} == _codes(), page


def test_a_dbt_failure_has_its_code() -> None:
    assert dbt.ModelError.exit_code == 9
    row = re.compile(r"^\| 9 \| .*dbt", re.M)
    assert all(row.search((ROOT / page).read_text()) for page in ("README.md", "README.pt-BR.md", "docs/operations.md"))


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
