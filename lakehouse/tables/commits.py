"""What the commits of a Delta table say of themselves, read from its log: delta-rs refuses the whole history for a clone in it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from deltalake import DeltaTable

from lakehouse.settings import Settings
from lakehouse.store import storage

# Operations that change no row and no column.
QUIET = frozenset({"OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES", "UNSET TBLPROPERTIES", "COMPUTE STATISTICS"})


def newest_first(settings: Settings, table: DeltaTable) -> Iterator[dict[str, Any]]:
    """`commitInfo` of each version, that of the table's own version first, with its number as `version`.

    Ends where the log was cleaned up, or where a commit says nothing.
    """
    for version in range(table.version(), -1, -1):
        try:
            text = _read(settings, table.table_uri, f"_delta_log/{version:020d}.json")
        except OSError:
            return
        found = next((said for line in text.splitlines() if (said := json.loads(line)).keys() == {"commitInfo"}), None)
        if found is None:
            return
        yield found["commitInfo"] | {"version": version}


def read_note(note: object) -> dict[str, Any]:
    """What a table was built from, as dbt's adapter noted it in a commit's `userMetadata`; empty if it is none of ours."""
    try:
        found = json.loads(note) if isinstance(note, str) else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("comporta") == 1 else {}


def _read(settings: Settings, place: str, path: str) -> bytes:
    if storage.is_s3(place):
        return storage.read(settings, storage.join(place, path))
    return (Path(unquote(urlsplit(place).path)) / path).read_bytes()
