"""What a person sees: one look for every command, colours and spinners on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
err = Console(stderr=True, highlight=False, soft_wrap=True)


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


def warn(text: str) -> None:
    """A line about something that went wrong and is being dealt with."""
    err.print(Text.assemble(("! ", "yellow"), text))


def note(text: str) -> None:
    """A line that matters less; only where somebody watches."""
    if out.is_terminal:
        out.print(Text(text, style="dim"))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[str] = ()) -> None:
    """Print a table; columns named in `numbers` stand to the right."""
    shown = Table(title=title or None, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for column in columns:
        shown.add_column(column, justify="right" if column in numbers else "left", no_wrap=column in numbers)
    for row in rows:
        shown.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    out.print(shown)


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
