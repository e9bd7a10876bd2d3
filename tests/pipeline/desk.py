"""The sample shop's lake, and somebody who writes models for it."""

import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import in_process
from dbt.cli.main import dbtRunner

from lakehouse.servers import postgres
from lakehouse.settings import ROOT, Settings


class Lake:
    """The sample shop at a tiny scale, run through the command line as a user would."""

    def __init__(self, settings: Settings, environment: dict[str, str]) -> None:
        self.settings, self.environment = settings, environment

    def run(self, *arguments: str, ok: bool = True) -> "subprocess.CompletedProcess[str]":
        """`comporta …` in this process; fails the test if it does not end as expected."""
        return self._ended(in_process.comporta(self.environment, *arguments), ok)

    def start(self, *arguments: str, ok: bool = True) -> "subprocess.CompletedProcess[str]":
        """`python -m comporta …`, a process of its own."""
        command = [sys.executable, "-W", "ignore", "-m", "comporta", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return self._ended(done, ok)

    def _ended(self, done: "subprocess.CompletedProcess[str]", ok: bool) -> "subprocess.CompletedProcess[str]":
        assert (done.returncode == 0) == ok, done.stdout[-4000:] + done.stderr[-2000:]
        return done

    @property
    def dsn(self) -> str:
        """The shop."""
        return postgres.of(self.settings).dsn("shop")


class Desk:
    """Somebody's shell after `make dev`, with a copy of the project to edit."""

    def __init__(self, lake: Lake, name: str, folder: Path) -> None:
        self.lake, self.name, self.project = lake, name, folder / "dbt_project"
        shutil.copytree(ROOT / "dbt_project", self.project)
        shell = (lake.settings.var_dir / "dev" / name / "env").read_text()
        said = dict(line.removeprefix("export ").split("=", 1) for line in shell.splitlines() if line.startswith("export "))
        self.environment = lake.environment | {name: value.strip("'") for name, value in said.items()} | {"DBT_USE_COLORS": "0"}

    def build(self, *models: str, ok: bool = True, whole: bool = False, **more: str) -> dict[str, str]:
        """`dbt run -s …` in this process: what is said of each model that is not a view; or of what was wrong, if there was none."""
        words = ["--quiet", "--no-version-check", "run", *(["--full-refresh"] if whole else []), "-s", *models]
        with in_process.told(self.environment | more), chdir(self.project):
            done = dbtRunner().invoke(words)
        results = getattr(done.result, "results", None) or ()
        said = {
            one.node.name: str(one.message)
            for one in results
            if one.node.resource_type == "model" and one.node.config.materialized != "view"
        }
        assert done.success == ok, f"{said} {done.exception}"
        return said or {"": str(done.exception)}

    def edit(self, model: str, old: str, new: str) -> None:
        path = self.project / "models" / model
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
