"""`make test-packages PACKAGES=folder`: the integration tests of dbt packages, on a Spark server of our own.

Each folder in `folder` is a checkout of a package, or of a project without one; what they need of each other is taken from there,
and no registry is asked. They are copied, and their copies run: `dbt seed`, `run`, `snapshot` and `test`.
docs/packages.md says which failures are known. Any other ends this with 1, and so does a known one that passes.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apart
import yaml
from ports import free_ports

from lakehouse import console, dbt, machine
from lakehouse.servers import server
from lakehouse.settings import ROOT, Settings

PAGE = ROOT / "docs" / "packages.md"
_STEPS = ("deps", "seed", "run", "snapshot", "test")
_FIRST = {  # what a package's own tests run before the seeds
    "codegen": ("run-operation", "create_source_table"),
    "dbt_artifacts": ("run", "--select", "dbt_artifacts"),
}
_DBT = (sys.executable, "-P", "-W", "ignore", "-m", "dbt.cli.main", "--no-version-check")
_GOOD = {"success", "pass", "warn"}
_OURS = {"+file_format": "delta"}  # what docs/packages.md asks of who uses a package
_MODELS = _OURS | {"+meta": {"on_tombstone": "ignore"}}
_KNOWN = re.compile(r"^\| (\w+) \| `([^`]+)` \|", re.MULTILINE)
# Of a checkout, what is a run's and not the repository's.
_LEFT_OUT = shutil.ignore_patterns(".git", "target", "logs", "dbt_packages", "package-lock.yml", ".venv")


@dataclass(frozen=True)
class Checkout:
    """A package as somebody brought it."""

    folder: Path
    name: str
    commit: str


@dataclass
class Outcome:
    """What became of a package's nodes, by name: the first line of why it failed, or nothing."""

    nodes: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> dict[str, str]:
        return {name: why for name, why in self.nodes.items() if why}


def checkouts(folder: Path) -> dict[str, Checkout]:
    """The packages in `folder`, by their names in dbt.

    Raises:
        ValueError: two have the same name.
    """
    found: dict[str, Checkout] = {}
    for project in sorted(folder.glob("*/dbt_project.yml")):
        name = str(yaml.safe_load(project.read_text(encoding="utf-8"))["name"])
        if name in found:
            raise ValueError(
                f"{project.parent.name} and {found[name].folder.name} are both {name} (wanted: one). Move one elsewhere"
            )
        found[name] = Checkout(project.parent, name, _commit(project.parent))
    return found


def _commit(folder: Path) -> str:
    if not (folder / ".git").exists():  # git would tell of a repository around it
        return "not of git"
    asked = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def integration_project(folder: Path) -> Path:
    """The project that tests the package in `folder`; the folder itself if there is none beside it."""
    names = ("integration_tests", "integration_test_project", "integration_tests/dbt_project")
    return next((folder / name for name in names if (folder / name / "dbt_project.yml").exists()), folder)


def localise(listed: dict[str, Any], places: dict[str, Path]) -> dict[str, Any]:
    """What a packages.yml lists, with each package that a registry or git would give replaced by its place here.

    Raises:
        LookupError: names the package that is not here.
    """
    return {
        "packages": [each if "local" in each else {"local": str(_place(each, places))} for each in listed.get("packages") or []]
    }


def _place(entry: dict[str, Any], places: dict[str, Path]) -> Path:
    asked = str(entry.get("package") or entry.get("git") or entry)
    name = asked.rstrip("/").rpartition("/")[2].removesuffix(".git").replace("-", "_")
    for place in (places.get(name), places.get(name.removeprefix("dbt_"))):
        if place:
            return place
    raise LookupError(f"needs {asked}, which is not in the folder")


def lay_out(checkout: Checkout, stage: Path, everything: Collection[Checkout]) -> Path:
    """Copies of all checkouts in `stage`, for `checkout` to be tested; its project.

    Raises:
        LookupError: names a package that it needs and that is not here.
    """
    places = {each.name: stage / each.folder.name for each in everything}
    for each in everything:
        shutil.copytree(each.folder, places[each.name], ignore=_LEFT_OUT, symlinks=True)
    project = integration_project(places[checkout.name])
    for folder in (project, *places.values()):
        for path in (folder / "packages.yml", folder / "dependencies.yml"):
            if path.exists():
                listed = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
                try:
                    path.write_text(yaml.safe_dump(localise(listed, places)), encoding="utf-8")
                except LookupError:
                    if folder in (project, places[checkout.name]):
                        raise
    (project / "macros" / "of_comporta").mkdir(parents=True)
    shutil.copy(dbt.PROJECT / "macros" / "packages.sql", project / "macros" / "of_comporta")
    _configure(project / "dbt_project.yml")
    return project


def _configure(path: Path) -> None:
    """Give a project our profile, and what docs/packages.md asks for."""
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    said["profile"] = "packages"
    for kind, ours in (("models", _MODELS), ("seeds", _OURS), ("snapshots", _OURS)):
        said[kind] = ours | (said.get(kind) or {})
    path.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")


def profile(settings: Settings, schema: str) -> dict[str, Any]:
    """A profiles.yml with the project's own settings for the server."""
    ours = yaml.safe_load((dbt.PROJECT / "profiles.yml").read_text(encoding="utf-8"))["comporta"]["outputs"]["lakehouse"]
    ports = {"host": "127.0.0.1", "port": settings.thrift_port, "ui_port": settings.spark_ui_port}
    return {"packages": {"target": "lakehouse", "outputs": {"lakehouse": ours | ports | {"schema": schema, "user": "dbt"}}}}


def run(project: Path, settings: Settings, first: tuple[str, ...] = ()) -> Outcome:
    """Run the steps of a project, `first` before the seeds; a step that gives no results is a node that failed."""
    outcome = Outcome()
    ours = dbt.environment(settings) | {"DBT_PROFILES_DIR": str(project), "DBT_TARGET_PATH": "target", "DBT_LOG_PATH": "logs"}
    for step in filter(None, (_STEPS[:1], first, *((each,) for each in _STEPS[1:]))):
        results = project / "target" / "run_results.json"
        results.unlink(missing_ok=True)
        done = subprocess.run(
            [*_DBT, *step],
            cwd=project,
            env=ours,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        told = json.loads(results.read_bytes())["results"] if results.exists() and step != first else []
        found = {f"{step[0]} {name}": _why(each) for name, each in _named(told).items()}
        outcome.nodes |= found
        if done.returncode and not any(found.values()):
            outcome.nodes[" ".join(step)] = _last(done.stdout + done.stderr)
            if not found:
                break
    return outcome


def _named(results: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Results by the names of their nodes: of `test.package.name.hash` the name, with the hash where two have the same."""
    found: dict[str, dict[str, Any]] = {}
    for each in results:
        kind, _, name = each["unique_id"].split(".", 2)
        short = name.rpartition(".")[0] if kind == "test" and "." in name else name
        found[name if short in found else short] = each
    return found


def _why(result: dict[str, Any]) -> str:
    if result["status"] in _GOOD:
        return ""
    return f"{result['status']}: {' '.join(str(result.get('message') or '').split())}"[:400]


def _last(said: str) -> str:
    """What dbt says of why it did not begin."""
    lines = [re.sub(r"^\d\d:\d\d:\d\d\s*", "", line).strip() for line in said.splitlines()]
    begins = next((number for number, line in enumerate(lines) if "Error" in line), -6)
    return " ".join(line for line in lines[begins:] if line)[:600]


def known_failures() -> dict[str, set[str]]:
    """Of each package, the nodes that docs/packages.md says fail."""
    found: dict[str, set[str]] = {}
    for package, node in _KNOWN.findall(PAGE.read_text(encoding="utf-8")):
        found.setdefault(package, set()).add(node)
    return found


def tell(checkout: Checkout, outcome: Outcome, known: set[str]) -> bool:
    """Print what became of a package; whether it is as the page says."""
    failed = outcome.failed
    console.out.print(f"{checkout.name} {checkout.commit}: {len(outcome.nodes) - len(failed)} of {len(outcome.nodes)} passed")
    for name, why in failed.items():
        console.out.print(f"  {'known' if name in known else '✗'} {name}: {why}")
    better = sorted(known & outcome.nodes.keys() - failed.keys())
    for name in better:
        console.out.print(f"  ✗ {name} passes: docs/packages.md says that it fails")
    return not better and failed.keys() <= known


def main() -> int:
    """Exit code: 0 if all is as docs/packages.md says, 1 if not, 2 without packages."""
    asked = argparse.ArgumentParser(prog="make test-packages", description=__doc__)
    asked.add_argument("--packages", default="", help="folder of checkouts")
    asked.add_argument("--only", help="names of packages, with commas between; by default all")
    said = asked.parse_args()
    try:
        found = checkouts(Path(said.packages)) if said.packages else {}
    except ValueError as error:
        console.err.print(f"✗ {error}")
        return 2
    if not found:
        seen = f"{said.packages} holds no folder with a dbt_project.yml" if said.packages else "no folder is given"
        console.err.print(
            f"✗ {seen} (wanted: a folder of checkouts of dbt packages). See docs/packages.md: make test-packages PACKAGES=…"
        )
        return 2
    names = said.only.split(",") if said.only else list(found)
    if strange := [name for name in names if name not in found]:
        console.err.print(f"✗ {said.packages} holds no {strange[0]} (there are: {', '.join(found)})")
        return 2
    return 0 if _all(found, names) else 1


def _all(found: dict[str, Checkout], names: list[str]) -> bool:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # who is cut off still stops the server
    apart.begin()
    thrift, connect, ui, database, site = free_ports(5)
    place = apart.folder("packages")
    settings = Settings(
        var_dir=place / "var", thrift_port=thrift, connect_port=connect, spark_ui_port=ui, postgres_port=database, site_port=site
    )
    os.environ["VAR_DIR"] = str(settings.var_dir)
    good, known = True, known_failures()
    try:
        machine.start(settings)
        for name in names:
            good = _one(found[name], found, place / name, settings, known.get(name, set())) and good
    finally:
        server.stop(settings)
        apart.end()
    return good


def _one(checkout: Checkout, found: dict[str, Checkout], stage: Path, settings: Settings, known: set[str]) -> bool:
    try:
        project = lay_out(checkout, stage, list(found.values()))
    except LookupError as error:
        console.out.print(f"{checkout.name} {checkout.commit}: ✗ {error}")
        return False
    (project / "profiles.yml").write_text(yaml.safe_dump(profile(settings, checkout.name)), encoding="utf-8")
    return tell(checkout, run(project, settings, _FIRST.get(checkout.name, ())), known)


if __name__ == "__main__":
    sys.exit(main())
