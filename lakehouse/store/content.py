"""The content of a file that is to be kept elsewhere: read twice, in constant memory, and the second time it must be the same."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lakehouse.errors import ComportaError, SettingsError, SourceError

Tell = Callable[[int], None]  # is told how many bytes more are done
PART = 8 * 2**20  # bytes that are read, hashed and sent as one; S3 takes no part below 5 MB but the last
_MOST_PARTS = 10_000  # of S3: parts of a larger file are larger
_KINDS = {
    stat.S_ISFIFO: "a pipe",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
}


@dataclass(frozen=True)
class Part:
    """A part of a file. `number` is from 1, as S3 counts."""

    number: int
    offset: int
    size: int
    sha256: bytes
    md5: bytes


@dataclass(frozen=True)
class Digest:
    """What tells one content from another: bytes, and SHA-256 in hex."""

    size: int
    sha256: str


class Content:
    """A file that is open and has been read once.

    Attributes:
        parts: all of it, in order; each but the last of one size.
    """

    def __init__(self, path: Path, handle: int, digest: Digest, parts: list[Part]) -> None:
        self.path, self.digest, self.parts = path, digest, parts
        self._handle = handle

    def read(self, part: Part) -> bytes:
        """The bytes of a part; may be called by several threads.

        Raises:
            SourceError: they are no longer what they were.
        """
        found = _pread(self.path, self._handle, part.offset, part.size)
        if hashlib.sha256(found).digest() != part.sha256:
            raise _changed(self.path)
        return found

    def check_end(self) -> None:
        """To be called when all has been read. Raises SourceError if something was added meanwhile."""
        if os.fstat(self._handle).st_size != self.digest.size:
            raise _changed(self.path)


def size(path: Path) -> int:
    """Bytes of a file that can be taken.

    Raises:
        SettingsError: there is none of that name, or it is a folder.
        SourceError: it is no file of a disk, is empty or can't be read.
    """
    with _open(path) as (_, found):
        return found


@contextmanager
def opened(path: Path, tell: Tell = lambda _: None) -> Iterator[Content]:
    """Open a file and read it once. Raises as `size`."""
    with _open(path) as (handle, total):
        step = max(PART, -(-total // _MOST_PARTS // 2**20) * 2**20)
        whole, parts = hashlib.sha256(), list[Part]()
        for offset in range(0, total, step):
            found = _pread(path, handle, offset, min(step, total - offset))
            whole.update(found)
            md5 = hashlib.md5(found, usedforsecurity=False).digest()
            parts.append(Part(len(parts) + 1, offset, len(found), sha256=hashlib.sha256(found).digest(), md5=md5))
            tell(len(found))
        yield Content(path, handle, Digest(total, whole.hexdigest()), parts)


@contextmanager
def _open(path: Path) -> Iterator[tuple[int, int]]:
    """Its handle and its bytes. A pipe is not waited for, and a device not opened."""
    try:
        _refuse_odd(path, path.stat())
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    try:
        seen = os.fstat(handle)
        _refuse_odd(path, seen)
        if not seen.st_size:
            raise SourceError(str(path), "is empty", "a file with something in it", "Export it anew, or leave it out")
        yield handle, seen.st_size
    finally:
        os.close(handle)


def _refuse_odd(path: Path, seen: os.stat_result) -> None:
    if stat.S_ISDIR(seen.st_mode):
        raise SettingsError(str(path), "is a folder", "files", f"Name those in it: FILES='{path}/*.csv'")
    for is_kind, name in _KINDS.items():
        if is_kind(seen.st_mode):
            raise SourceError(str(path), f"is {name}", "a file of a disk, for it is read twice", "Write it into a file first")


def _unreadable(path: Path, error: Exception) -> ComportaError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        return SettingsError(str(path), f"is not there{where}", "a file", "Check its name")
    if isinstance(error, OSError) and error.errno != errno.ENAMETOOLONG:
        seen = f"can't be read: {error.strerror or error}"
        return SourceError(str(path), seen, remedy="Let the user who runs this read it, and run again: nothing of it was written")
    return SettingsError(str(path)[:100], "is no name of a file", "a file", "Check its name")


def _pread(path: Path, handle: int, offset: int, wanted: int) -> bytes:
    found = bytearray()
    while len(found) < wanted:
        try:
            more = os.pread(handle, wanted - len(found), offset + len(found))
        except OSError as error:
            raise _unreadable(path, error) from None
        if not more:
            raise _changed(path)
        if len(more) == wanted:
            return more
        found += more
    return bytes(found)


def _changed(path: Path) -> SourceError:
    wanted, remedy = "a file that stays as it is", "Wait until it is written whole, and run again: nothing of it is left"
    return SourceError(str(path), "was changed while it was read", wanted, remedy)
