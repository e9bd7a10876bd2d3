"""One run of the pipeline, or of a stage by itself: its number, which its records bear, and the seconds of its stages."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.text import Text

from ingestion.sources.config import Section
from lakehouse import console
from lakehouse.redaction import redact
from lakehouse.settings import Settings
from lakehouse.tables import ledger
from lakehouse.tables.records import RunRecord

Seconds = dict[str, float]


@dataclass
class Run:
    """A run that the ledger knows of once its number was asked for: what is refused before it does anything is none.

    Attributes:
        seconds: of each stage, in order.
        number: its number, once it has one.
        sources: that it reads.
    """

    settings: Settings
    command: str
    seconds: Seconds = field(default_factory=dict)
    number: int | None = None
    sources: Sequence[Section] = ()

    @property
    def run_id(self) -> int:
        """Its number; it begins here, if it has not."""
        return self.begin() if self.number is None else self.number

    def begin(self) -> int:
        """Give it its number and note that it runs; the write lock is held."""
        self.number = ledger.next_run_id(self.settings)
        self.note("running")
        return self.number

    def note(self, status: str, seconds: float | None = None, detail: str | None = None) -> None:
        """Note its state in the ledger."""
        assert self.number is not None
        record = RunRecord(run_id=self.number, command=self.command, status=status, seconds=seconds, detail=detail)
        ledger.emit(self.settings, record)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A stage with its heading, timed."""
        with stage(self.seconds, name):
            yield


@contextmanager
def noted(settings: Settings, command: str, seconds: Seconds | None = None) -> Iterator[Run]:
    """A run whose end is noted in the ledger, and why it failed if it does."""
    started, made = time.monotonic(), Run(settings, command, {} if seconds is None else seconds)
    try:
        yield made
    except BaseException as error:
        if made.number is not None:
            made.note("failed", seconds=time.monotonic() - started, detail=redact(str(error) or type(error).__name__))
        raise
    if made.number is not None:
        made.note("succeeded", seconds=time.monotonic() - started)


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
