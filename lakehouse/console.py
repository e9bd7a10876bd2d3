"""What a person sees: one look for every command, colours and spinners on a terminal, plain lines elsewhere.

Names and values of a database are text: no markup of Rich in them is followed, and nothing that steers a terminal is sent to it.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.status import Status
from rich.table import Table
from rich.text import Text

from lakehouse.redaction import conceal

# Controls but tab and line feed, with those of 8 bits; what turns the direction of writing; halves of characters, which can't be sent.
_STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    """`text` with `\\u001b` for an escape character and the like: it means the same in JSON and in YAML's double quotes."""
    return _STEERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Plain(Console):
    """A console to which text is text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, soft_wrap=True, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(shown(conceal(segment.text)), segment.style)

    def status(self, status: RenderableType, **options: Any) -> Status:
        # A spinner would read markup whatever its console is told.
        return super().status(Text(shown(status)) if isinstance(status, str) else status, **options)


out = _Plain(width=None if sys.stdout.isatty() else 160)
err = _Plain(stderr=True)


def as_json(data: object) -> None:
    """Print `data` for another program, in one line; times and numbers as `lakehouse.values` has them."""
    from lakehouse import values

    echo(json.dumps(values.plain(data), ensure_ascii=False))


def only_json() -> None:
    """From here on what people read goes to standard error: what is on standard output is one JSON document."""
    out.file = err.file


def echo(text: str) -> None:
    """Print a text for another program or a file, as it is."""
    click.echo(shown(text), nl=not text.endswith("\n"))


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show that `title` is under way, and how long it took once it is done."""
    started = time.monotonic()
    if out.is_terminal:
        with out.status(title):
            yield
    else:
        out.print(Text(f"{title} …"))
        yield
    out.print(Text.assemble(("✓ ", "green"), title, (f"  {time.monotonic() - started:.1f} s", "dim")))


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar while bytes are read or sent, where somebody watches; gives what is to be told how many more are done, by any thread."""
    if not out.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(shown(title), total=total)
        yield lambda more: bar.advance(task, more)


def warn(text: str) -> None:
    """A line about something that went wrong and is being dealt with."""
    err.print(Text.assemble(("! ", "yellow"), text))


def note(text: str) -> None:
    """A line that matters less; only where somebody watches."""
    if out.is_terminal:
        out.print(Text(text, style="dim"))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[str] = ()) -> None:
    """Print a table; columns named in `numbers` stand to the right."""
    grid = Table(title=title or None, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for column in columns:
        grid.add_column(shown(column), justify="right" if column in numbers else "left", no_wrap=column in numbers)
    for row in rows:
        grid.add_row(*map(_cell, row))
    out.print(grid)


def _cell(value: object) -> Text:
    """Escaped before its width is measured."""
    if isinstance(value, Text) and not _STEERS.search(value.plain):
        return value
    return Text(shown(str(value)), style=value.style if isinstance(value, Text) else "")


def verdict(word: str) -> Text:
    """A state's word in its colour."""
    good = {"passed", "committed", "published", "running", "succeeded", "unchanged", "equal"}
    style = "green" if word in good else "dim" if word in {"empty", "stopped", "–"} else "red"
    return Text(word, style=style)


def count(number: int | None) -> str:
    """`number` with thin groups of three; a dash for none."""
    return "–" if number is None else f"{number:,}".replace(",", " ")


def size(number: int | None) -> str:
    """Bytes as people say them."""
    if number is None:
        return "–"
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit in ("B", "kB") else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
