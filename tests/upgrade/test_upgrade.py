"""A lake that an earlier commit made is opened by this one: it goes on from where it was, and its history is still told.

`make test-upgrade FROM=…`; both commits in turn have the same lake, catalog and database, since a catalog holds absolute paths.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from gold import differs

from lakehouse.settings import ROOT, Settings
from lakehouse.tables import candidate, ledger, released

FROM = os.environ.get("FROM") or "5a0452b"  # before the house had rooms


class Commit:
    """The command line of a checkout, on the tests' servers."""

    def __init__(self, checkout: Path, python: Path, environment: dict[str, str]) -> None:
        self.checkout, self.python, self.environment = checkout, python, environment
        self.module = "comporta" if (checkout / "comporta" / "__main__.py").exists() else "lakehouse"

    def run(self, *words: str) -> str:
        """What a command says, which is to succeed."""
        command = [self.python, "-W", "ignore", "-m", self.module, *words]
        done = subprocess.run(
            command, cwd=self.checkout, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, f"{self.module} {words}: {done.stdout[-4000:]}{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def before(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commit]:
    """The earlier commit, in a Python environment that has its packages before this one's."""
    place = tmp_path_factory.mktemp("upgrade")
    checkout, home = place / "before", place / "venv"
    subprocess.run(["git", "worktree", "add", "--detach", checkout, FROM], cwd=ROOT, check=True, capture_output=True)
    try:
        (checkout / "var").mkdir()
        (checkout / "var" / "jars").symlink_to(ROOT / "var" / "jars")
        venv.create(home)
        packages = sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)})
        adapter = next(path.parents[2] for path in checkout.glob("**/dbt/adapters/comporta"))
        lines = [str(checkout), str(adapter), sysconfig.get_path("purelib")]
        Path(packages, "before.pth").write_text("\n".join(lines) + "\n")
        yield Commit(checkout, home / "bin" / "python", environment)
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", checkout], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def now(before: Commit, environment: dict[str, str]) -> Commit:
    """This commit, once the earlier one has made a lake, with a second release, and stopped its servers."""
    before.run("demo")
    before.run("traffic", "--days", "1")
    before.run("demo")
    before.run("down")
    return Commit(ROOT, Path(sys.executable), environment)


def versions(settings: Settings) -> dict[str, int]:
    """Of each candidate table, its version: nothing wrote it as long as that is the same."""
    tables = {(layer, name) for layer in ("silver", "gold") for name in released.published(settings, layer)}
    found = {f"{layer}.{name}": DeltaTable(candidate.location(settings, layer, name)).version() for layer, name in tables}
    assert len(found) > 10
    return found


def history(settings: Settings) -> list[Any]:
    return [(made.release_id, made.layer, made.tables) for made in released.history(settings)]


def test_an_older_lake_goes_on_and_keeps_its_history(now: Commit, settings: Settings) -> None:
    made, told = versions(settings), history(settings)
    batches, runs = ledger.rows(settings, "batches"), ledger.rows(settings, "runs")
    assert len(told) >= 6 and batches

    now.run("demo")
    assert versions(settings) == made, "what was built stays: nothing that it was built from has changed"
    assert differs(settings) == []

    now.run("traffic", "--days", "1")
    said = now.run("demo")
    assert "full refresh" not in said and versions(settings) != made
    assert differs(settings) == []
    assert history(settings)[: len(told)] == told
    after = ledger.rows(settings, "batches")
    # A version of the ledger may fill in what it has learned to note; what was noted stays.
    assert len(after) > len(batches)
    for before, row in zip(batches, after, strict=False):
        assert {name: value for name, value in before.items() if value is not None}.items() <= row.items(), before
    ended = ledger.rows(settings, "runs")
    assert ended[: len(runs)] == runs
    assert min(row["run_id"] for row in ended[len(runs) :]) > max(row["run_id"] for row in runs), "no number is given twice"

    first = next(number for number, layer, _ in told if layer == "gold")
    now.run("rollback", "--release", str(first))
    now.run("release", "--layer", "gold")
    assert differs(settings) == []
    assert now.run("diff", "--release", f"{first}..{history(settings)[-1][0]}")
    assert json.dumps(told[0], default=str) in json.dumps(history(settings), default=str)
    now.run("status")
    now.run("down")
