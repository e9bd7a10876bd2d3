"""The image and the stack keep what docs/container.md says of them."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from house import FOLDERS

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
    assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert "ports" not in service, "the server is for those who share its network"
    assert "pid" not in service, "who sees the server's process sees what it was told"


def test_a_job_is_another_user_than_the_server() -> None:
    assert (SERVICES["spark"]["user"], SERVICES["job"]["user"]) == ("10001:10001", "10010:10001")


def test_the_image_has_the_users_that_run_on_aws() -> None:
    """Java and Thrift's client want a name for each."""
    image, module = (ROOT / "Dockerfile").read_text(), (ROOT / "terraform/modules/spark/main.tf").read_text()
    [named] = re.findall(r"uid=(\d+) && for job in ([\w ]+);", image)
    users = {"spark": int(named[0])} | {name: int(named[0]) + 1 + number for number, name in enumerate(named[1].split())}
    assert users.pop("job") == 10010, "of compose.yaml"
    assert {name: str(uid) for name, uid in users.items()} == dict(re.findall(r"(\w+) = (\d{5})\b", module))


def test_var_dir_is_its_groups_in_the_image_and_on_aws() -> None:
    """Setgid, so that what is made there is the group's, and sticky, so that none replaces another's folder (lakehouse/access.py)."""
    made = re.findall(r"install -d -o comporta -g comporta -m (\d+) /var/lib/comporta", (ROOT / "Dockerfile").read_text())
    made += re.findall(r"^chmod (\d+) \$\{folder\}", (ROOT / "terraform/modules/spark/user_data.sh").read_text(), re.M)
    assert made == ["3770", "3770"]


def test_no_home_can_be_written_by_another_user() -> None:
    """Who writes another's ~/.aws/config says what its credentials come from, a program if need be."""
    assert re.findall(r"\bHOME=(\S+)", (ROOT / "Dockerfile").read_text()) == ["/tmp"]  # noqa: S108 - of each container its own


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
    packages = {*FOLDERS, "dbt_project"}
    assert lines[1] == "*" and packages <= {line.removeprefix("!") for line in lines}
    assert "**/.env" in lines
