"""The RAW zone on S3: in parts where a file is large, gone on with where one was broken off, and never over another content.

What is sent is verified thrice: the store compares each part's SHA-256 with what has come, we compare its answer, and what stands
there at the end is compared again by the store's own checksum.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from lakehouse.errors import SourceError, StorageError
from lakehouse.settings import Settings
from lakehouse.store import s3, storage
from lakehouse.store.content import PART, Content, Digest, Part, Tell

_AT_ONCE = 4  # parts on their way
_MEMORY = 64 * 2**20  # bytes that they may take together
_GONE = 404
_TAKEN = (409, 412)  # something is there, or is being put there at this moment


class RawBucket:
    """Keeps files as objects; see `RawStore`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = s3.client(settings, attempts=6, patience=60)

    def look(self, url: str, tell: Tell = lambda _: None) -> Digest | None:
        """What lies there; None if nothing does. The SHA-256 is what we noted; of an object of others it is computed."""
        found = self._head(url)
        if found is None:
            return None
        size, noted = int(found["ContentLength"]), found["Metadata"].get("sha256")
        return Digest(size, noted) if noted else self._read(url, tell)

    def create(self, url: str, content: Content, tell: Tell) -> bool:
        """Keep it there; False if something lies there by now."""
        make = self._put if len(content.parts) == 1 else self._send
        try:
            if not make(url, content, tell):
                return False
        except SourceError:
            raise
        except Exception as error:
            raise self._failure(url, error) from None
        self._verify(url, content)
        return True

    def _put(self, url: str, content: Content, tell: Tell) -> bool:
        bucket, key = s3.split(url)
        [part] = content.parts
        body = content.read(part)
        content.check_end()
        more = {"IfNoneMatch": "*", "Metadata": {"sha256": content.digest.sha256}, "ChecksumSHA256": _text(part.sha256)}
        try:
            self._client.put_object(Bucket=bucket, Key=key, Body=body, **more)
        except Exception as error:
            if s3.status(error) in _TAKEN:
                return False
            raise
        tell(part.size)
        return True

    def _send(self, url: str, content: Content, tell: Tell) -> bool:
        note = self._note(url, content)
        upload, there = self._begin(note, url, content)
        tell(sum(part.size for part in content.parts if part.number in there))
        try:
            there |= self._send_parts(url, upload, content, tell=tell, there={*there})
            content.check_end()
            self._end(url, upload, content, there)
        except SourceError:  # it will never be whole
            self._drop(url, upload, note)
            raise
        except Exception as error:
            if s3.status(error) == _GONE:  # another has ended it, or the bucket's rule has: it is there, or is begun anew
                self._forget(note)
            if s3.status(error) not in (_GONE, *_TAKEN) or self._head(url) is None:
                raise
            self._drop(url, upload, note)
            return False
        self._forget(note)
        return True

    def _send_parts(self, url: str, upload: str, content: Content, *, there: set[int], tell: Tell) -> dict[int, str]:
        """Send the parts that are not there; number to ETag."""
        bucket, key = s3.split(url)

        def send(part: Part) -> str:
            body = content.read(part)
            where = {"Bucket": bucket, "Key": key, "UploadId": upload, "PartNumber": part.number}
            said = self._client.upload_part(**where, Body=body, ChecksumSHA256=_text(part.sha256))
            if not _is_same(part, said):
                raise StorageError(url, f"did not keep part {part.number} as it was sent", remedy="Check the store and run again")
            tell(part.size)
            return str(said["ETag"])

        missing = [part for part in content.parts if part.number not in there]
        pool = ThreadPoolExecutor(max(1, min(_AT_ONCE, _MEMORY // content.parts[0].size)))
        try:
            return {part.number: etag for part, etag in zip(missing, pool.map(send, missing), strict=True)}
        finally:
            pool.shutdown(cancel_futures=True)

    def _end(self, url: str, upload: str, content: Content, there: dict[int, str]) -> None:
        """Have the parts be the object, if nothing is there."""
        bucket, key = s3.split(url)
        parts = [
            {"PartNumber": each.number, "ETag": there[each.number], "ChecksumSHA256": _text(each.sha256)} for each in content.parts
        ]
        self._client.complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
        )

    def _begin(self, note: str, url: str, content: Content) -> tuple[str, dict[int, str]]:
        """The upload, and the ETags of its parts that are there: one that was broken off, or a new one."""
        try:
            noted = str(json.loads(storage.read(self._settings, note))["upload"])
            return noted, self._listed(url, noted, content)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass
        except Exception as error:
            if s3.status(error) != _GONE:  # it has ended, or the bucket's rule has removed it
                raise
        bucket, key = s3.split(url)
        sha256 = {"sha256": content.digest.sha256}
        said = self._client.create_multipart_upload(Bucket=bucket, Key=key, Metadata=sha256, ChecksumAlgorithm="SHA256")
        where, name = s3.split(note)
        body = json.dumps({"key": key, "upload": said["UploadId"]}).encode()
        self._client.put_object(Bucket=where, Key=name, Body=body, ContentType="application/json")
        return str(said["UploadId"]), {}

    def _listed(self, url: str, upload: str, content: Content) -> dict[int, str]:
        """ETags of the parts that the store has as they are in the file; others are sent again."""
        bucket, key = s3.split(url)
        known = {part.number: part for part in content.parts}
        pages = self._client.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload)
        return {
            each["PartNumber"]: str(each["ETag"])
            for page in pages
            for each in page.get("Parts", ())
            if (part := known.get(each["PartNumber"])) and each["Size"] == part.size and _is_same(part, each)
        }

    def _note(self, url: str, content: Content) -> str:
        """Where an upload in parts is noted, by its place and its content: what S3 lists of it tells neither whose nor of what it is."""
        name = hashlib.sha256(f"{url}\0{content.digest.sha256}\0{PART}".encode()).hexdigest()[:32]
        return storage.join(self._settings.lake_url, "_uploads", f"{name}.json")

    def _drop(self, url: str, upload: str, note: str) -> None:
        bucket, key = s3.split(url)
        with suppress(Exception):  # the bucket's rule will remove it
            self._client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
        self._forget(note)

    def _forget(self, note: str) -> None:
        with suppress(Exception):  # whoever finds it finds no upload
            storage.remove(self._settings, [note])

    def _verify(self, url: str, content: Content) -> None:
        """Compare what stands there with what was to be there; without a checksum of the store's own by reading it. No evidence is failure."""
        found = self._head(url) or {"ContentLength": 0}
        if int(found["ContentLength"]) == content.digest.size and any(_evidence(found, content)):
            return
        if self._read(url, lambda _: None) == content.digest:
            return
        bucket, key = s3.split(url)
        self._client.delete_object(Bucket=bucket, Key=key)  # ours: If-None-Match has made it a moment ago
        raise StorageError(url, "did not keep what was sent", content.digest.sha256, "Check the store: it was removed. Run again")

    def _head(self, url: str) -> Any:
        bucket, key = s3.split(url)
        try:
            return self._client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        except Exception as error:
            if s3.status(error) == _GONE:
                return None
            raise self._failure(url, error) from None

    def _read(self, url: str, tell: Tell) -> Digest:
        bucket, key = s3.split(url)
        whole, size = hashlib.sha256(), 0
        try:
            for found in _pieces(self._client.get_object(Bucket=bucket, Key=key)["Body"]):
                whole.update(found)
                size += len(found)
                tell(len(found))
        except Exception as error:
            raise self._failure(url, error) from None
        return Digest(size, whole.hexdigest())

    def _failure(self, url: str, error: Exception) -> Exception:
        if s3.status(error) == 403:
            remedy = "Let them put, get and list objects there (s3:PutObject, GetObject, ListBucket, AbortMultipartUpload)"
            return StorageError(url, "refuses these credentials", "a bucket that may be written", remedy)
        return s3.failure(self._settings, error) or error


def _pieces(body: Any) -> Iterator[bytes]:
    while found := body.read(PART):
        yield found


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _is_same(part: Part, said: Any) -> bool:
    """Whether the store's answer about a part is of these bytes: by SHA-256, or by the ETag of a store that tells no SHA-256."""
    if told := said.get("ChecksumSHA256"):
        return bool(told == _text(part.sha256))
    return bool(said["ETag"].strip('"') == part.md5.hex())


def _evidence(found: Any, content: Content) -> Iterator[bool]:
    """What the store's checksums say of the whole: of parts it has that of their checksums, and their number."""
    several = f"-{len(content.parts)}" if len(content.parts) > 1 else ""
    sums = (b"".join(part.sha256 for part in content.parts), b"".join(part.md5 for part in content.parts))
    sha256 = hashlib.sha256(sums[0]).digest() if several else content.parts[0].sha256
    md5 = hashlib.md5(sums[1], usedforsecurity=False).digest() if several else content.parts[0].md5
    yield found.get("ChecksumSHA256", "").removesuffix(several) == _text(sha256)
    yield found.get("ETag", "").strip('"') == md5.hex() + several
