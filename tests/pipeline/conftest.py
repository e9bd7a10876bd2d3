"""A lake of its own for the whole pipeline, since gates and releases concern a layer as a whole."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from lakehouse.servers import postgres, server
from lakehouse.settings import ROOT, Settings


class Lake:
    """The sample shop at a tiny scale, run through the command line as a user would."""

    def __init__(self, settings: Settings, environment: dict[str, str]) -> None:
        self.settings, self.environment = settings, environment

    def run(self, *arguments: str, ok: bool = True) -> "subprocess.CompletedProcess[str]":
        """`python -m comporta …`; fails the test if it does not end as expected."""
        command = [sys.executable, "-W", "ignore", "-m", "comporta", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert (done.returncode == 0) == ok, done.stdout[-4000:] + done.stderr[-2000:]
        return done

    @property
    def dsn(self) -> str:
        """The shop."""
        return postgres.of(self.settings).dsn("shop")


@pytest.fixture(scope="session")
def lake(settings: Settings, environment: dict[str, str]) -> Iterator[Lake]:
    """The shop's lake after its first demo."""
    made = Lake(settings, environment)
    made.run("demo")
    yield made
    server.stop(settings)
