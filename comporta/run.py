"""One run of the pipeline, or of a stage by itself: its number, which its records bear, and the seconds of its stages."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.text import Text

from lakehouse import console
from lakehouse.redaction import redact
from lakehouse.settings import Settings
from lakehouse.tables import ledger

Seconds = dict[str, float]


@dataclass(frozen=True)
class Run:
    """A run that the ledger knows of.

    Attributes:
        seconds: of each stage, in order.
    """

    settings: Settings
    run_id: int
    seconds: Seconds = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A stage with its heading, timed."""
        with stage(self.seconds, name):
            yield


@contextmanager
def noted(settings: Settings, command: str, seconds: Seconds | None = None) -> Iterator[Run]:
    """A run that is noted in the ledger as it begins and ends, and why it failed if it does. The write lock is held."""
    started, made = time.monotonic(), Run(settings, ledger.next_run_id(settings), {} if seconds is None else seconds)
    row: dict[str, object] = {"run_id": made.run_id, "command": command}
    ledger.append(settings, "runs", [row | {"status": "running"}])
    try:
        yield made
    except BaseException as error:
        detail = redact(str(error) or type(error).__name__)
        ledger.append(settings, "runs", [row | {"status": "failed", "seconds": time.monotonic() - started, "detail": detail}])
        raise
    ledger.append(settings, "runs", [row | {"status": "succeeded", "seconds": time.monotonic() - started}])


@contextmanager
def stage(seconds: Seconds, name: str) -> Iterator[None]:
    """A stage with its heading; its seconds are added to `seconds`."""
    if console.out.is_terminal:
        console.out.rule(Text(name, style="bold"), align="left", style="dim")
    else:
        console.out.print(f"— {name}")
    started = time.monotonic()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0) + time.monotonic() - started
