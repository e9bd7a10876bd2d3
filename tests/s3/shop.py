"""The sample shop on a lake of STORE=s3, run through the command line as a user would."""

import os
import subprocess
import sys
from typing import Any

import apart
import canary
import in_process
from gold import differs

from lakehouse.engines import catalog
from lakehouse.servers import postgres
from lakehouse.settings import ROOT, Settings


class Shop:
    """Commands, questions to readers' tables, and what PostgreSQL says that they must hold."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        ours = apart.variables(settings)
        for name in ("LAKE_URL", "AWS_ENDPOINT_URL"):  # STORE=s3 is to be enough
            del ours[name]
        plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = plain | ours | {"SOURCE_NAME": "shop", "SPARK_TOKEN": canary.secret("token")}

    @property
    def dsn(self) -> str:
        """The shop's database."""
        return postgres.of(self.settings).dsn("shop")

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[str]":
        """`python -m comporta …` as a process, with `more` in its environment."""
        command = [sys.executable, "-W", "ignore", "-m", "comporta", *arguments]
        environment = self.environment | ({"SOURCE_DSN": self.dsn} if arguments[0] in ("ingest", "reconcile") else {})
        environment |= more
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *arguments: str, code: int = 0, **more: str) -> str:
        """What the command said; it must end with `code`."""
        started = self.start(*arguments, **more)
        out, err = started.communicate(timeout=540)
        assert started.returncode == code, f"{arguments}: {started.returncode}\n{out[-4000:]}{err[-3000:]}"
        return out + err

    def call(self, *arguments: str, code: int = 0) -> str:
        """The same in this process, for what asks nothing of processes."""
        done = in_process.comporta(self.environment, *arguments)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows, over Thrift."""
        return catalog.thrift_rows(self.settings, statement)

    def differs(self) -> list[str]:
        """Reports of gold that are not what the shop's own database says, row by row."""
        return differs(self.settings)
