"""The files below a folder or a prefix of a bucket: their paths, sizes and stamps."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pathspec

from lakehouse.errors import SourceError, StorageError
from lakehouse.settings import Settings
from lakehouse.store import s3, storage


@dataclass(frozen=True)
class FoundFile:
    """A file of a source.

    Attributes:
        path: below the source's, with `/`.
        stamp: another one whenever the content is another; the same content may have several.
    """

    path: str
    size: int
    stamp: str


def find(settings: Settings, root: str) -> list[FoundFile]:
    """All files below `root` by path, but hidden ones and those that begin with `_`, which tools leave there.

    Raises:
        SourceError: there is no such folder, or it can't be looked into.
        StorageError: the bucket refuses or is away.
    """
    found = _objects(settings, root) if storage.is_s3(root) else _in_folder(root)
    return sorted((each for each in found if not _is_hidden(each.path)), key=lambda each: each.path)


def matching(files: list[FoundFile], pattern: str) -> list[FoundFile]:
    """Those that a pattern names, as in .gitignore."""
    spec = pathspec.PathSpec.from_lines("gitwildmatch", [pattern])
    return [each for each in files if spec.match_file(each.path)]


def _is_hidden(path: str) -> bool:
    return any(part.startswith((".", "_")) for part in path.split("/"))


def _in_folder(root: str) -> Iterator[FoundFile]:
    base = Path(root)
    if base.is_file():
        raise SourceError(root, "is a file", "the folder that holds it", "Name the folder as path in sources.yml")
    if not base.is_dir():
        raise SourceError(root, "is not there", "a folder", "Mend path in sources.yml, or put files there by make upload")

    def broken(error: OSError) -> None:
        raise SourceError(str(error.filename), f"can't be looked into: {error.strerror}", remedy="Let this user read it") from None

    for folder, _, names in os.walk(root, onerror=broken, followlinks=True):
        for name in names:
            path = Path(folder, name)
            try:
                state = path.stat()
            except FileNotFoundError:  # it went meanwhile, or is a link to nothing
                continue
            if path.is_file():
                stamp = f"{state.st_mtime_ns}-{state.st_ctime_ns}-{state.st_ino}"
                yield FoundFile(path.relative_to(base).as_posix(), state.st_size, stamp)


def _objects(settings: Settings, root: str) -> Iterator[FoundFile]:
    bucket, prefix = s3.split(root.rstrip("/") + "/")
    try:
        pages = s3.client(settings).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", []):
                path = item["Key"][len(prefix) :]
                if path and not path.endswith("/"):
                    yield FoundFile(path, item["Size"], item["ETag"].strip('"'))
    except Exception as error:
        raise told_of(settings, root, error) from None


def told_of(settings: Settings, where: str, error: Exception) -> Exception:
    """What a store's error means for a source that lies there; the error itself, if it is none of the store's."""
    failed = s3.failure(settings, error)
    if failed is None:
        return error
    seen = {404: "is not there", 403: "refuses these credentials"}.get(s3.status(error) or 0, failed.seen)
    return StorageError(where, seen, "files that can be listed and read", "Mend path in sources.yml, or the credentials")
