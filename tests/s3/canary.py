"""Secrets made of all printable characters, each in an order of its own, and where parts of them are to be seen."""

import os
import random
import string
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psutil

KINDS = ("dsn", "store", "mail", "webhook", "token")
# What a command line has in it, and whose it is; what these start for a moment is theirs.
_PROCESSES = {
    "SparkSubmit": "spark",
    "worker_daemon": "worker",
    "pyspark.daemon": "worker",
    "-m comporta ": "command",
    "dbt.cli.main": "dbt",
    "weed": "s3",
    "bin/postgres": "postgres",
}
_PART = 9  # characters: so many in a row of a shuffled alphabet stand nowhere by chance


def secret(kind: str) -> str:
    """The secret of a kind; a letter at each end, since a header or a file may lose a space there."""
    letters = list(string.digits + string.ascii_letters + string.punctuation + " ")
    random.Random(kind).shuffle(letters)
    return f"a{''.join(letters)}z"


def _parts(kind: str) -> Iterator[tuple[str, bytes]]:
    """The secret cut in parts, as it stands and as it is written in an URL: whatever shows two of them in a row shows one whole."""
    for text, length in ((secret(kind), _PART), (quote(secret(kind), safe=""), 2 * _PART)):
        yield from ((kind, text[first : first + length].encode()) for first in range(0, len(text) - length, length))


_PARTS = [part for kind in KINDS for part in _parts(kind)]


def seen(data: bytes | str) -> set[str]:
    """The kinds of which a part is in `data`."""
    text = data if isinstance(data, bytes) else data.encode(errors="replace")
    return {kind for kind, part in _PARTS if part in text}


def in_files(folder: Path) -> dict[str, set[str]]:
    """Files below `folder` that have a part of one in them, by their path in it."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and (kinds := seen(path.read_bytes())):
            found[path.relative_to(folder).as_posix()] = kinds
    return found


class Watch:
    """What the command lines and the environments of this run's processes held, by a name of the process."""

    def __init__(self) -> None:
        self.arguments: dict[str, set[str]] = {}
        self.environments: dict[str, set[str]] = {}

    def look(self, mark: str) -> None:
        """Look once at all that have `mark` in their environment or command line."""
        for process in psutil.process_iter():
            try:
                words, known = process.cmdline(), process.environ()
                if words != process.cmdline():  # it has just become another program, and what was seen may be of either
                    continue
            except psutil.Error:
                continue
            if process.pid == os.getpid() or not words or mark not in " ".join([*words, *known.values()]):
                continue
            name = _name(words, process) or Path(words[0]).name
            self.arguments.setdefault(name, set()).update(seen(" ".join(words)))
            self.environments.setdefault(name, set()).update(seen("\n".join(known.values())))


def _name(words: list[str], process: psutil.Process) -> str:
    """By its own command line, as it was seen: it may have ended meanwhile; else by those of who started it."""
    lines = [words]
    with suppress(psutil.Error):
        lines += [each.cmdline() for each in process.parents()]
    known = [name for line in lines for part, name in _PROCESSES.items() if part in " ".join([*line, ""])]
    return known[0] if known else ""


@contextmanager
def watching(mark: str) -> Iterator[Watch]:
    """Look again and again while something runs."""
    watch, over = Watch(), threading.Event()

    def beat() -> None:
        while not over.wait(0.2):
            watch.look(mark)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
