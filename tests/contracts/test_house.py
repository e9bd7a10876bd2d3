"""Rules of this repository that no tool checks."""

import re

from lakehouse.settings import ROOT


def test_locks_name_hashes_and_no_addresses() -> None:
    locks = list(ROOT.glob("requirements*.lock"))
    assert len(locks) == 4
    for path in locks:
        text = path.read_text()
        assert "://" not in text, path.name
        assert len(re.findall(r"^[\w.\[\]-]+==", text, re.M)) == len(re.findall(r"==.*\\\n +--hash=sha256:", text)), path.name


def test_test_modules_have_names_of_their_own() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) > 50
    assert sorted({name for name in names if names.count(name) > 1}) == []
