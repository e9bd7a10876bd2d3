"""The image and the stack keep what docs/container.md says of them."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse.settings import ROOT

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run([Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_images_are_pinned_by_digest() -> None:
    [base] = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("ARG BASE=")]
    named = [base, *(service["image"] for service in SERVICES.values() if "build" not in service)]
    assert len(named) == 3
    assert [name for name in named if "@sha256:" not in name] == []


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "build" in service])
def test_our_containers_can_do_no_more_than_they_must(name: str) -> None:
    service = SERVICES[name]
    assert (service["user"], service["read_only"], service["cap_drop"]) == ("10001:10001", True, ["ALL"])
    assert "ports" not in service, "the server has no password"


def test_no_secret_stands_in_the_stack() -> None:
    said = {
        value
        for service in SERVICES.values()
        for key, value in service.get("environment", {}).items()
        if any(word in key for word in ("PASSWORD", "SECRET", "KEY", "DSN"))
    }
    assert said and all(":?" in value for value in said)


def test_what_runs_is_in_the_image_and_secrets_are_not() -> None:
    lines = (ROOT / ".dockerignore").read_text().split("\n")
    packages = {*tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["packages"], "dbt_project"}
    assert lines[1] == "*" and packages <= {line.removeprefix("!") for line in lines}
    assert "**/.env" in lines
