"""`upload`: puts files into the RAW zone of the lake, whole and as they are; another content is never overwritten."""

import os
import re
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import date as Day
from glob import glob, has_magic
from pathlib import Path
from typing import Protocol, TypeVar

import click
from rich.text import Text

from lakehouse import console, machine
from lakehouse.errors import ComportaError, SettingsError, StorageError
from lakehouse.machine import load
from lakehouse.servers import seaweedfs
from lakehouse.settings import Settings
from lakehouse.store import content, raw, s3, storage
from lakehouse.store.content import Content, Digest, Tell
from lakehouse.store.raw_bucket import RawBucket
from lakehouse.store.raw_folder import RawFolder

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")
_SHOWN = 16  # hex digits of a hash: enough to know it again


class RawStore(Protocol):
    """Where files of the RAW zone are kept. What it raises is a StorageError, or what `content` raises of the file."""

    def look(self, url: str, tell: Tell = ...) -> Digest | None:
        """What lies there; None if nothing does."""

    def create(self, url: str, content: Content, tell: Tell) -> bool:
        """Keep it there, whole or not at all; False, and nothing is done, if something lies there by now."""


@dataclass(frozen=True)
class Upload:
    """A file, its bytes, and where it goes."""

    path: Path
    size: int
    url: str


@click.command()
@click.argument("paths", nargs=-1)
@click.option("--files", help="the same in one text, as a shell has them: 'movies.csv data/*.csv'")
@click.option("--source", required=True, metavar="NAME", help="whose files they are: local, crm")
@click.option("--entity", metavar="NAME", help="what their rows are; by default a file's name without suffixes: movies")
@click.option("--format", type=click.Choice(raw.FORMATS), help="by default what the suffix says, below .gz and the like")
@click.option("--date", metavar="DAY", help="the day that they are put under, 2022-05-02; by default today, by UTC")
@click.option("--dry-run", is_flag=True, help="say what would go where; write nothing")
def upload(
    paths: tuple[str, ...], files: str | None, source: str, entity: str | None, format: str | None, date: str | None, dry_run: bool
) -> None:
    """Put files into the RAW zone, where RAW_PATTERN says: whole, as they are, and never over another content."""
    settings, day = load(), _day(date)
    raw.root(settings, source)  # what is wrong with it is said once, and not of each file
    named = [*dict.fromkeys(map(Path, [*paths, *_words(files or "")]))]
    if not named:
        raise SettingsError("FILES", "names no file", "one or more", "Run make upload FILES='movies.csv series.csv' SOURCE=local")

    def plan(path: Path) -> Upload:
        size = content.size(path)
        return Upload(path, size, raw.place(settings, path, source=source, day=day, entity=entity, format=format))

    failures: list[ComportaError] = []
    planned = _each(named, plan, failures, show=len(named) > 1)
    if planned:
        _each(planned, _previewing(settings) if dry_run else _keeping(settings), failures, show=len(named) > 1)
    if dry_run:
        console.out.print("A dry run: nothing was written.")
    _judge(failures, len(named), dry_run)


def put(settings: Settings, path: Path, *, source: str, day: Day) -> None:
    """Put one file into the RAW zone, as the command does."""
    url = raw.place(settings, path, source=source, day=day)
    _keeping(settings)(Upload(path, content.size(path), url))


def _day(said: str | None) -> Day:
    if said is None:
        return datetime.now(UTC).date()
    try:
        return Day.fromisoformat(said if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", said) else "")
    except ValueError:
        raise SettingsError("DATE", f"is {said[:100]!r}", "a day such as 2022-05-02", "Leave it out for today's") from None


def _words(files: str) -> list[str]:
    """The names in a text, patterns among them as a shell reads them; what a pattern finds and is a folder is left out.

    Raises:
        SettingsError: a quote is not closed, a name with spaces has none, or a pattern finds no file.
    """
    wanted, remedy = "names, as a shell has them", "Quote a name that has spaces or quotes: FILES=\"'a b.csv'\""
    try:
        words = shlex.split(files)
    except ValueError as error:
        raise SettingsError("FILES", f"is {files[:100]!r}: {error}", wanted, remedy) from None
    if len(words) > 1 and os.path.lexists(files):
        raise SettingsError("FILES", f"is {files[:100]!r}, which is one file", wanted, remedy)
    return [name for word in words for name in _found(word)]


def _found(word: str) -> list[str]:
    if not has_magic(word) or os.path.lexists(word):
        return [word]
    names = [name for name in sorted(glob(word, recursive=True)) if not Path(name).is_dir()]  # noqa: PTH207 - Path refuses absolute ones
    if not names:
        raise SettingsError(
            "FILES", f"finds no file by {word[:100]!r}", "one or more", "Check the pattern; ** goes through folders"
        )
    return names


def _each(items: Sequence[_Item], do: Callable[[_Item], _Done], failures: list[ComportaError], *, show: bool) -> list[_Done]:
    """What `do` gives for each; one that fails does not keep the others."""
    done = []
    for item in items:
        try:
            done.append(do(item))
        except ComportaError as error:
            failures.append(error)
            if show:
                console.out.print(Text.assemble(("✗ ", "red"), str(error)))
    return done


def _judge(failures: Sequence[ComportaError], count: int, dry_run: bool) -> None:
    if count == 1 and failures:
        raise failures[0]
    if failures:
        seen = f"{len(failures)} of {count} files {'would not be' if dry_run else 'were not'} uploaded"
        raise type(failures[0])("upload", seen, remedy="See above for why" + ("" if dry_run else "; the others are there"))


def _store(settings: Settings) -> RawStore:
    return RawBucket(settings) if storage.is_s3(settings.lake_url) else RawFolder()


def _previewing(settings: Settings) -> Callable[[Upload], None]:
    """Tells what would become of a file."""
    seaweedfs.start(settings)
    if storage.is_s3(settings.lake_url):  # S3 tells of no object there as of no bucket
        storage.check_bucket(settings, s3.split(settings.lake_url)[0])
    store, planned = _store(settings), dict[str, Digest]()

    def preview(each: Upload) -> None:
        with _reading(each) as found:
            held = planned.get(each.url) or store.look(each.url)
            planned[each.url] = found.digest
            if held is None:
                console.out.print(_line("·", "dim", f"{each.path} would go to {each.url}", console.size(each.size)))
            else:
                _compare(each, held, found.digest)

    return preview


def _keeping(settings: Settings) -> Callable[[Upload], None]:
    """Keeps a file.

    No write lock: an object is made once, whole or not at all, nobody else writes here, and of two who make the same one the store
    itself (If-None-Match; a link) lets one. An upload of hours need not wait for the pipeline, nor hold it up.

    Raises:
        StorageError: the lake can't be written.
    """
    machine.check(settings)
    store = _store(settings)

    def keep(each: Upload) -> None:
        began = time.monotonic()
        with _reading(each) as found:
            held = store.look(each.url)
            if held is None:
                with console.progress(f"{each.path}: upload", each.size) as tell:
                    made = store.create(each.url, found, tell)
                if made:
                    seconds = f"{console.size(each.size)}, {time.monotonic() - began:.1f} s"
                    console.out.print(_line("✓", "green", f"{each.path} → {each.url}", seconds))
                    return
                held = store.look(each.url)
            if held is None:
                raise StorageError(each.url, "was there a moment ago, and is gone", remedy="Run again")
            _compare(each, held, found.digest)

    return keep


@contextmanager
def _reading(each: Upload) -> Iterator[Content]:
    with ExitStack() as stack:
        with console.progress(f"{each.path}: checksum", each.size) as tell:
            found = stack.enter_context(content.opened(each.path, tell))
        yield found


def _compare(each: Upload, held: Digest, own: Digest) -> None:
    """Say that it is there already, or refuse."""
    if held == own:
        console.out.print(_line("·", "dim", f"{each.path} is there already, the same: {each.url}", console.size(each.size)))
        return
    seen = f"holds another content, sha256 {held.sha256[:_SHOWN]}… of {held.size} B; that of {each.path} is {own.sha256[:_SHOWN]}… of {own.size} B"
    remedy = "Nothing is overwritten. Say another DATE or ENTITY, or rename the file"
    raise StorageError(each.url, seen, remedy=remedy)


def _line(mark: str, style: str, text: str, more: str) -> Text:
    return Text.assemble((f"{mark} ", style), text, (f"  {more}", "dim"))
