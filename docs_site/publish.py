"""The site beside the tables of a lake on S3: what changed in the folder is put under `site/`, and what left it is taken away."""

import hashlib
import json
import mimetypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lakehouse import atomic
from lakehouse.settings import Settings
from lakehouse.store import s3, storage

_LANES = 8
_TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


def place(settings: Settings) -> str:
    """Where the site of a lake on S3 is."""
    return storage.join(settings.lake_url, "site")


def publish(settings: Settings) -> int:
    """Make the bucket hold the site's folder; nothing happens where the lake is a folder. Returns how many objects were written.

    Only what this machine put there is ever taken away. The start page goes last: what it links to is then there.

    Raises:
        StorageError: the store can't be written.
    """
    if not storage.is_s3(settings.lake_url):
        return 0
    note = settings.var_dir / "state" / "published.json"
    known, now = _known(note, place(settings)), _digests(settings.site_dir)
    changed = sorted((path for path in now if known.get(path) != now[path]), key=lambda path: path == "index.html")
    gone = known.keys() - now.keys()
    if not changed and not gone:
        return 0
    bucket, prefix = s3.split(place(settings))
    store = s3.client(settings)
    _write(note, settings, known | dict.fromkeys(changed, ""))  # after one that was cut off, these are put again
    try:
        with ThreadPoolExecutor(_LANES) as pool:
            list(pool.map(lambda path: _put(store, bucket, prefix=prefix, site=settings.site_dir, path=path), changed[:-1]))
            list(pool.map(lambda path: store.delete_object(Bucket=bucket, Key=f"{prefix}/{path}"), gone))
        if changed:
            _put(store, bucket, prefix=prefix, site=settings.site_dir, path=changed[-1])
    except Exception as error:
        raise (s3.failure(settings, error) or error) from None
    _write(note, settings, now)
    return len(changed)


def _write(note: Path, settings: Settings, held: dict[str, str]) -> None:
    atomic.write(note, json.dumps({"place": place(settings), "files": held}))


def _put(store: Any, bucket: str, prefix: str, site: Path, path: str) -> None:
    kind = _TYPES.get(Path(path).suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    store.put_object(
        Bucket=bucket, Key=f"{prefix}/{path}", Body=(site / path).read_bytes(), ContentType=kind, CacheControl="no-cache"
    )


def _digests(site: Path) -> dict[str, str]:
    """Files of the site and what is in them; files that are just being written are left out."""
    found = {}
    for path in site.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            found[path.relative_to(site).as_posix()] = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    return found


def _known(note: Path, place: str) -> dict[str, str]:
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        found: dict[str, str] = said["files"] if said["place"] == place else {}
    except (OSError, ValueError, KeyError):
        return {}
    return found
