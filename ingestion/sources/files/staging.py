"""A file brought where it can be read as it is: fetched, unpacked, and hashed on the way."""

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import zstandard

from ingestion.sources.files.listing import FoundFile, told_of
from lakehouse.errors import SourceError, StorageError
from lakehouse.settings import Settings
from lakehouse.store import s3, storage

_BLOCK = 1 << 20
_STEP = 1 << 14
# A text shrinks by a tenth to a thirtieth; what grows two hundred times once it is large was made to fill a disk.
_MOST, _UNSUSPICIOUS = 200, 256 * 2**20


@dataclass(frozen=True)
class StagedFile:
    """A file as it can be read.

    Attributes:
        found: what it is in the source.
        local: its content, unpacked.
        sha256: of its content, unpacked.
    """

    found: FoundFile
    local: Path
    sha256: str


def stage(settings: Settings, root: str, found: FoundFile, folder: Path) -> StagedFile:
    """Bring a file here; one that lies in a folder and is not packed stays where it is.

    Args:
        folder: for what has to be fetched or unpacked.

    Raises:
        SourceError: it can't be read, or unpacked.
        StorageError: the disk is full, or the bucket is away.
    """
    remote = storage.is_s3(root)
    where = storage.join(root, found.path)
    try:
        source = Path(root, found.path)
        if remote:
            source = folder / f"{hashlib.sha256(found.path.encode()).hexdigest()}.fetched"
            _room(folder, found.size)
            _fetch(settings, where, source)
        with source.open("rb") as file:
            unpack = _packed(file.read(512))
        if unpack is None:
            return StagedFile(found, source, _hash(source))
        target = folder / f"{hashlib.sha256(found.path.encode()).hexdigest()}.unpacked"
        digest = _unpack(where, source, target, unpack)
        if remote:
            source.unlink()
        return StagedFile(found, target, digest)
    except OSError as error:
        if error.errno == 28:
            raise StorageError(str(folder), "no space left", f"room for {where}", "Free some: nothing of it was written") from None
        raise SourceError(where, f"can't be read: {error.strerror or error}", remedy="Mend it, or let this user read it") from None


def _room(folder: Path, size: int) -> None:
    storage.check_room(folder, size + _UNSUSPICIOUS)


def _fetch(settings: Settings, url: str, target: Path) -> None:
    bucket, key = s3.split(url)
    try:
        body = s3.client(settings).get_object(Bucket=bucket, Key=key)["Body"]
        with target.open("wb") as file:
            for block in body.iter_chunks(_BLOCK):
                file.write(block)
    except OSError:
        raise
    except Exception as error:
        if s3.status(error) == 404:
            raise SourceError(url, "is gone since it was listed", remedy="Run again") from None
        raise told_of(settings, url, error) from None


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_Unpack = Callable[[BinaryIO], IO[bytes]]


def _packed(start: bytes) -> _Unpack | None:
    """What unpacks a file that begins so; None if it is not packed."""
    if start.startswith(b"\x1f\x8b"):
        return lambda file: gzip.open(file)  # type: ignore[return-value]
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return lambda file: _Zstandard(file)  # type: ignore[return-value]
    if start.startswith(b"PK\3\4"):
        return _the_one_of_a_zip
    return None


class _Zstandard:
    """Frames of zstd, of which the reader of the library takes one that is cut off for one that ends."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)

    def read(self, size: int) -> bytes:
        if block := self._reader.read(size):
            return block
        self._file.seek(0)  # what it grows to was within bounds: it may be unpacked in small steps, which do say where a frame ends
        frame, ended = zstandard.ZstdDecompressor().decompressobj(), True
        while block := self._file.read(_STEP):
            while block:
                frame.decompress(block)
                ended, block = frame.eof, frame.unused_data
                if ended:
                    frame = zstandard.ZstdDecompressor().decompressobj()
        if not ended:
            raise EOFError
        return b""


def _the_one_of_a_zip(file: BinaryIO) -> IO[bytes]:
    archive = zipfile.ZipFile(file)
    names = [each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX/")]
    if any(each.filename in ("[Content_Types].xml", "mimetype") for each in names):
        raise zipfile.BadZipFile("is a workbook: save it as CSV UTF-8")
    if len(names) != 1:
        raise zipfile.BadZipFile(f"holds {len(names)} files, and which is meant can't be told: unzip it first")
    if names[0].flag_bits & 1:
        raise zipfile.BadZipFile("is locked by a password: unzip it first")
    return archive.open(names[0])


def _unpack(where: str, source: Path, target: Path, unpack: _Unpack) -> str:
    """Unpack into `target`; SHA-256 of what is there then."""
    size, written, end, digest = source.stat().st_size, 0, 0, hashlib.sha256()
    with _told_of(where), source.open("rb") as packed, target.open("wb") as file:
        content = unpack(packed)
        while block := content.read(_BLOCK):
            written += len(block)
            if written > _UNSUSPICIOUS and written > size * _MOST:
                seen = f"unpacks to more than {_MOST} times its {size:,} bytes, as what is made to fill a disk"
                raise SourceError(where, seen, remedy="If it is meant so, unpack it and put the plain file there")
            if written >= end:
                storage.check_room(target.parent)
                end = written + _UNSUSPICIOUS // 4
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


@contextmanager
def _told_of(where: str) -> Iterator[None]:
    """What unpacking says, as people understand it."""
    try:
        yield
    except EOFError:
        raise SourceError(where, "ends in the middle, as a copy that was cut off", remedy="Put it there anew") from None
    except zipfile.BadZipFile as error:
        raise SourceError(where, "is no zip archive" if str(error).startswith("File is not") else str(error)) from None
    except (zlib.error, gzip.BadGzipFile, zstandard.ZstdError, NotImplementedError, RuntimeError) as error:
        raise SourceError(where, f"can't be unpacked: {error}", remedy="Put it there anew") from None


def is_unchanged(file: StagedFile, root: str) -> bool:
    """Whether a file that was read in place is still the one that was hashed; what was fetched is a copy of its own."""
    if storage.is_s3(root):
        return True
    state = Path(root, file.found.path).stat()
    return (state.st_size, f"{state.st_mtime_ns}-{state.st_ctime_ns}-{state.st_ino}") == (file.found.size, file.found.stamp)
