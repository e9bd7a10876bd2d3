"""The site's files: each whole or not at all, and written again only if what it is made of has changed."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lakehouse import atomic

FOLDERS = ("verdicts", "tables", "search")  # nobody else writes there


@dataclass(frozen=True)
class Piece:
    """A file of the site: where, a digest of everything that it is made of, and how it is made."""

    path: str  # relative to the site
    inputs: str
    make: Callable[[], str]


def update(site: Path, note: Path, pieces: Iterable[Piece]) -> list[str]:
    """Make FOLDERS hold exactly `pieces`; `note` keeps the digests of what is there.

    A file is left as it is only if it exists and was made of the same inputs. The note is taken away before the first file is
    touched: after a build that was cut off, everything is made anew.

    Returns:
        paths that were written.
    """
    wanted = {piece.path: piece for piece in pieces}
    known, present = _known(note), _present(site)
    changed = [piece for path, piece in wanted.items() if known.get(path) != piece.inputs or path not in present]
    gone = present - wanted.keys()
    if changed or gone or known.keys() - wanted.keys():
        note.unlink(missing_ok=True)
        for piece in changed:
            atomic.write(site / piece.path, piece.make())
        for path in gone:
            (site / path).unlink(missing_ok=True)
        atomic.write(note, json.dumps({path: piece.inputs for path, piece in wanted.items()}))
    return [piece.path for piece in changed]


def _known(note: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(note.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _present(site: Path) -> set[str]:
    found = set()
    for folder in FOLDERS:
        if (site / folder).is_dir():
            with os.scandir(site / folder) as entries:
                found |= {f"{folder}/{entry.name}" for entry in entries if entry.is_file()}
    return found
