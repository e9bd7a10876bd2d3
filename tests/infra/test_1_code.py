"""The code as it is read: format, linters, READMEs, exceptions with their reasons."""

import json
import re
import shutil
import subprocess

import pytest
from infra.terraform import CODE, ROOTS, Terraform

from lakehouse.settings import ROOT

TOOLS = ROOT / ".infra" / "bin"
CHECKOV = ROOT / ".venv-infra" / "bin" / "checkov"


def test_terraform_is_there() -> None:
    assert shutil.which("terraform"), (
        "terraform is not on PATH (wanted: 1.11 or later). Install it, then run make infra-test again."
    )
    told = subprocess.run(["terraform", "version", "-json"], capture_output=True, text=True).stdout
    version = json.loads(told)["terraform_version"]
    assert tuple(map(int, version.split(".")[:2])) >= (1, 11), f"terraform is {version} (wanted: 1.11 or later, which locks in S3)."


def test_format(terraform: Terraform) -> None:
    terraform.run(".", "fmt", "-check", "-recursive", "-diff")


def test_tflint() -> None:
    command = [str(TOOLS / "tflint"), "--recursive", f"--config={CODE / '.tflint.hcl'}", "--format=compact", "--no-color"]
    done = subprocess.run(command, cwd=CODE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_checkov() -> None:
    command = [str(CHECKOV), "--directory", str(CODE), "--framework", "terraform", "--compact", "--skip-download", "--output=json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    told = json.loads(done.stdout)
    failed = [f"{check['check_id']} {check['resource']}: {check['check_name']}" for check in told["results"]["failed_checks"]]
    assert failed == []
    # A file that it can't read is a file that it has not checked.
    assert told["summary"]["parsing_errors"] == 0
    assert done.returncode == 0 and told["summary"]["passed"] > 200


@pytest.mark.parametrize("root", ROOTS)
def test_readme_is_current(root: str) -> None:
    command = [str(TOOLS / "terraform-docs"), "--config", str(CODE / ".terraform-docs.yml"), "--output-check", str(CODE / root)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nRun make infra-docs."


def test_every_exception_has_a_reason() -> None:
    texts = [line for path in CODE.rglob("*.tf") for line in path.read_text().splitlines()]
    skips = [line for line in texts if "checkov:skip" in line]
    assert skips
    assert [line for line in skips if not re.search(r"#checkov:skip=CKV\w+: .{20,}", line)] == []
    assert [line for line in texts if "tflint-ignore" in line] == []


def test_the_lock_names_hashes_and_no_addresses() -> None:
    text = (CODE / "requirements.lock").read_text()
    assert "://" not in text
    assert len(re.findall(r"^[\w.\[\]-]+==", text, re.M)) == len(re.findall(r"==.*\\\n +--hash=sha256:", text))


def test_every_variable_and_output_is_described() -> None:
    for path in CODE.rglob("*.tf"):
        for block in re.findall(r'^(?:variable|output) ".*?^}', path.read_text(), re.M | re.S):
            assert "\n  description = " in block, f"{path.relative_to(ROOT)}: {block.splitlines()[0]}"


def test_prod_is_protected() -> None:
    """What each of these does is tested in the modules; that prod asks for it is only said here."""
    said = dict(re.findall(r"^ +(\w+) += (\w+)", (CODE / "envs/prod/main.tf").read_text(), re.M))
    assert (said["destroyable"], said["multi_az"]) == ("false", "true")
    assert int(said["endpoint_zones"]) > 1 and int(said["backup_days"]) >= 30 and int(said["log_retention_days"]) >= 365
