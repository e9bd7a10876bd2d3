"""The RAW zone in a folder: a file is there whole or not at all, and never replaces another."""

import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lakehouse.errors import StorageError
from lakehouse.store import storage
from lakehouse.store.content import PART, Content, Digest, Tell

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # FAT, and some networks' folders


class RawFolder:
    """Keeps files in folders; see `RawStore`."""

    def look(self, url: str, tell: Tell = lambda _: None) -> Digest | None:
        """What lies there; None if nothing does."""
        try:
            return _digest(Path(url), tell)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(url, error) from None

    def create(self, url: str, content: Content, tell: Tell) -> bool:
        """Keep it there; False, and nothing is done, if something lies there by now."""
        target = Path(url)
        with _folder(target.parent):
            try:
                storage.check_room(target.parent, content.digest.size)
                _remove_left(target)
                return _put(target, content, tell)
            except OSError as error:
                raise _refused(url, error, content.digest.size) from None


def _put(target: Path, content: Content, tell: Tell) -> bool:
    with _beside(target) as (temporary, handle):
        for part in content.parts:
            _write(handle, content.read(part))
            tell(part.size)
        content.check_end()
        os.fsync(handle)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)  # what is compared is on the disk, not in memory
        if _digest(temporary) != content.digest:
            raise StorageError(
                str(target), "did not keep what was written", content.digest.sha256, "Check the disk: nothing is left there"
            )
        if not _name(temporary, target):
            return False
    _sync(target.parent)
    return True


def _write(handle: int, found: bytes) -> None:
    left = memoryview(found)
    while left:
        left = left[os.write(handle, left) :]


def _name(temporary: Path, target: Path) -> bool:
    """Give the file its name unless something has it."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        try:  # the name is ours from here on
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        temporary.replace(target)
    return True


@contextmanager
def _beside(target: Path) -> Iterator[tuple[Path, int]]:
    """A file for the time of writing, hidden from who lists files; it is locked, so that one without a writer can be told."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with suppress(OSError):  # a file system without locks: then what is left is left
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield temporary, handle
    finally:
        os.close(handle)
        temporary.unlink(missing_ok=True)


def _remove_left(target: Path) -> None:
    """Remove what a writer left behind that was killed."""
    for each in target.parent.glob(f".{target.name}.{'[0-9a-f]' * 8}.part"):
        with suppress(OSError):
            handle = os.open(each, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                each.unlink()
            finally:
                os.close(handle)


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """Have those that are made for a file which does not come be gone again."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield
    except BaseException:
        for each in missing:
            with suppress(OSError):  # somebody else's file is in it
                each.rmdir()
        raise


def _digest(path: Path, tell: Tell = lambda _: None) -> Digest:
    whole, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while found := file.read(PART):
            whole.update(found)
            size += len(found)
            tell(len(found))
    return Digest(size, whole.hexdigest())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refused(url: str, error: OSError, wanted: int | None = None) -> StorageError:
    if error.errno in _NO_ROOM:
        room = f"room for {wanted / 2**20:.0f} MB" if wanted else ""
        return StorageError(url, f"{error.strerror}", room, "Free some room and run again: nothing is half written")
    return StorageError(url, f"can't be written: {error.strerror or error}", "a folder that may be written", "Check LAKE_URL")
