"""The image that uploads has what `comporta upload` imports, in the versions of all else, and nothing besides."""

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from lakehouse.settings import ROOT, Settings

HOME = ROOT / "docker" / "upload"
LOCK = (HOME / "requirements.lock").read_text(encoding="utf-8")
# All that an upload does, to a folder and to an S3 that is not there; then what of it came from where.
_RUN = """
import json, os, sys
from comporta import make
def run(**told):
    os.environ.update(told)
    sys.argv = ["make", "upload"]
    try:
        make.run()
    except SystemExit as left:
        return left.code or 0
    return 0
codes = [run(DRY_RUN="1"), run(DRY_RUN=""), run(), run(FILES="/nowhere/*")]
codes += [run(FILES=os.environ["KEEP"], LAKE_URL="s3://none/lake", AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_ACCESS_KEY_ID="a",
              AWS_SECRET_ACCESS_KEY="a-secret")]
print(json.dumps([codes, {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}]))
"""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _locked(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Package to version and hashes."""
    blocks = re.findall(r"^([\w.-]+)==(\S+).*((?:\n +--hash=\S+.*)+)", text, re.M)
    return {_normal(name): (version, frozenset(re.findall(r"sha256:\w+", hashes))) for name, version, hashes in blocks}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """Modules that a process has loaded by all of it, and their files."""
    folder = tmp_path_factory.mktemp("upload")
    (folder / "movies.csv").write_text("id\n1\n")
    told = {"LAKE_URL": f"{folder}/lake", "VAR_DIR": f"{folder}/var", "SOURCE": "local", "KEEP": str(folder / "movies.csv")}
    told |= {"FILES": told["KEEP"], "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-W", "ignore", "-c", _RUN]
    done = subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, timeout=120)
    codes, modules = json.loads(done.stdout.splitlines()[-1])
    assert codes == [0, 0, 0, 2, 5], done.stderr
    found: dict[str, str | None] = modules
    return found


def test_the_image_has_what_an_upload_imports_and_no_more(imported: dict[str, str | None]) -> None:
    known, loaded = packages_distributions(), {module.partition(".")[0] for module in imported}
    asked = {_normal(dist) for name in known.keys() & loaded for dist in known[name]}
    named = {_normal(line) for line in (HOME / "requirements.in").read_text().splitlines() if line and not line.startswith("#")}
    wanted, left = set[str](), [*named]
    while left:
        wanted.add(name := left.pop())
        needs = (Requirement(each) for each in requires(name) or ())
        left += [_normal(each.name) for each in needs if not each.marker or each.marker.evaluate({"extra": ""})]
    ours = {"comporta"}  # in place
    unused_by_us = {
        "certifi",
        "setuptools",
    }  # taken where they are: botocore brings authorities of its own, and setuptools is pip's
    assert asked - ours - unused_by_us <= _locked(LOCK).keys() and named <= asked
    assert {name for name in _locked(LOCK) if name != "colorama"} == wanted


def test_its_versions_and_hashes_are_those_of_all_else() -> None:
    whole = _locked((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert len(_locked(LOCK)) > 15 and _locked(LOCK).items() <= whole.items()
    assert "://" not in LOCK


def test_its_code_is_what_an_upload_imports(imported: dict[str, str | None]) -> None:
    said = re.findall(r"^COPY (\w+) (\w+)$", (HOME / "Dockerfile").read_text(), re.M)
    here = {Path(file).relative_to(ROOT).parts[0] for file in imported.values() if file and Path(file).is_relative_to(ROOT)}
    assert sorted(said) == sorted((name, name) for name in here - {".venv"})


def test_hadolint_has_nothing_to_say_of_it() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, HOME / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_its_base_is_the_images_own() -> None:
    bases = [
        re.findall(r"^ARG BASE=(\S+@sha256:\w{64})$", path.read_text(), re.M) for path in (HOME / "Dockerfile", ROOT / "Dockerfile")
    ]
    assert bases[0] == bases[1] and len(bases[0]) == 1


def test_its_service_reads_the_folder_alone_and_knows_each_variable() -> None:
    from comporta import make

    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["upload"]
    assert (service["profiles"], service["volumes"]) == (["upload"], ["${UPLOAD_FOLDER:-./data}:/data:ro"])
    options = {make._name(each) for each in make._options("upload")}
    known = {name.upper() for name in Settings.model_fields} | {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert options - {"FILES"} <= service["environment"].keys() <= options | known
