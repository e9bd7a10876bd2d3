"""The object that a lease is: who holds it, as it stands in the lake's bucket, read and written under S3's conditions."""

import json
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Protocol

from lakehouse.errors import StorageError
from lakehouse.settings import Settings
from lakehouse.store import s3, storage


@dataclass(frozen=True)
class Holder:
    """Who holds it. `term` counts its holders; `beat` their renewals."""

    token: str
    what: str
    host: str
    pid: int
    since: str
    machine: str = ""
    born: float = 0.0
    term: int = 0
    beat: int = 0
    free: bool = False

    def __str__(self) -> str:
        return f"{self.what} (pid {self.pid} on {self.host}) since {self.since}"


@dataclass(frozen=True)
class LeaseObject:
    """The object as the store has it, and for how many seconds, by the store's own time."""

    holder: Holder
    etag: str
    age: float


class Store(Protocol):
    """The one object."""

    def look(self) -> LeaseObject | None:
        """What is there; None if nothing is."""

    def put(self, holder: Holder, etag: str | None) -> str | None:
        """Write it if it is still `etag` (None: if it is not there); the new etag, None if it was something else."""


class Bucket:
    """The object in the lake's bucket."""

    def __init__(self, settings: Settings) -> None:
        self.url = storage.join(settings.lake_url, "_lease", "writing.json")
        self._bucket, self._key = s3.split(self.url)
        self._settings, self._client = settings, s3.client(settings, attempts=2, patience=5)

    def look(self) -> LeaseObject | None:
        """See `Store`."""
        try:
            said = self._client.get_object(Bucket=self._bucket, Key=self._key)
            text = said["Body"].read()
        except Exception as error:
            if s3.status(error) == 404:
                return None
            raise self._lost(error) from None
        now = parsedate_to_datetime(said["ResponseMetadata"]["HTTPHeaders"]["date"])
        try:
            holder = Holder(**json.loads(text))
        except (ValueError, TypeError):
            raise StorageError(self.url, "is no lease", "an object that Comporta wrote", "Move it away and run again") from None
        return LeaseObject(holder, said["ETag"], (now - said["LastModified"]).total_seconds())

    def put(self, holder: Holder, etag: str | None) -> str | None:
        """See `Store`."""
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        body = json.dumps(asdict(holder)).encode()
        try:
            said = self._client.put_object(
                Bucket=self._bucket, Key=self._key, Body=body, ContentType="application/json", **condition
            )
        except Exception as error:
            if s3.status(error) in (404, 409, 412):  # gone, being changed right now, changed
                return None
            raise self._lost(error) from None
        return str(said["ETag"])

    def _lost(self, error: Exception) -> Exception:
        return s3.failure(self._settings, error) or error
