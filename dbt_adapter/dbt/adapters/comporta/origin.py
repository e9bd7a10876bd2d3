"""What a table was built from, exactly, so that a model whose inputs, code and settings are the same can be left alone.

The note travels in the very commit that writes the table, so it can't be there without the rows, nor the rows without it.
An input is a Delta table's id and the newest of its versions that changed a row or a column: compaction moves nothing. A view is
its text and what that reads. Whatever can't be told so (a view made by hand, a table that is no Delta table, a model that asks for
the time) makes a model be built.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from lakehouse.engines.sparkfunctions import EACH_TIME
from lakehouse.redaction import first_line
from lakehouse.tables.commits import QUIET, read_note

# What `is_new_batch()` writes follows from the table itself, whose version is compared anyway.
NEW_BATCH = "/* new batches */"
_NEW_BATCH = re.compile(r"(?:_batch_id > -?\d+|true)\s*" + re.escape(NEW_BATCH))


# In an analysed plan: a call, or a text that Spark reads as a time.
_CALL = re.compile(
    rf"\b({'|'.join(sorted(EACH_TIME))})\(|\bcast\(\s*(?:now|today|tomorrow|yesterday)\b[^()]*? as (?:date|timestamp)",
    re.IGNORECASE,
)


class UnknownError(Exception):
    """Why it can't be told what something is made of."""


def digest(*parts: Any) -> str:
    """A short hash of plain data."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def code(sql: str) -> str:
    """Digest of a model's query."""
    return digest(_NEW_BATCH.sub("<new>", sql).strip())


def calls_in_plan(told: str) -> str:
    """What Spark's `explain extended` says that a query asks for besides its tables; empty if nothing."""
    analysed = told.partition("== Analyzed Logical Plan ==")[2].partition("== Optimized Logical Plan ==")[0]
    found = _CALL.search(analysed)
    if found:
        return found[0] if found[1] is None else f"{found[1]}()"
    return "" if analysed and "AnalysisException" not in analysed else "what Spark can't tell"


def shape(inputs: Any) -> Any:
    """Of a note's inputs, what decides how a query of theirs is understood: their columns, and what stands between."""
    held = inputs if isinstance(inputs, dict) else {}
    return {key: {name: one.get(name) for name in ("columns", "seen", "by")} for key, one in held.items()}


def commit(commits: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The newest of `commits`, newest first, that changed rows or columns.

    Raises:
        UnknownError: the log no longer has it.
    """
    for found in commits:
        if found.get("operation") not in QUIET:
            return found
    raise UnknownError("its log no longer says when it changed")


def open_table(location: str, options: Mapping[str, str], version: int | None = None) -> DeltaTable:
    """The Delta table.

    Raises:
        UnknownError: there is none.
    """
    try:
        return DeltaTable(location, version=version, storage_options=dict(options))
    except TableNotFoundError:
        raise UnknownError(f"{location} is no Delta table") from None
    except (DeltaError, OSError) as error:  # a feature that delta-rs does not know, a store that can't be reached from here
        raise UnknownError(f"{location} can't be read here: {first_line(error)}") from None


def rows(table: DeltaTable, commits: Iterable[Mapping[str, Any]]) -> str:
    """Its rows, for comparison."""
    return f"{table.metadata().id}@{commit(commits)['version']}"


def columns(table: DeltaTable) -> str:
    """Its columns, for comparison."""
    return digest(json.loads(table.schema().to_json()))  # delta-rs writes a field's properties in any order


def newest_batch(table: DeltaTable) -> int | None:
    """The greatest `_batch_id` by the statistics of the files, -1 without rows; None if they do not say."""
    actions = table.get_add_actions(flatten=True)
    if "num_records" not in actions.schema.names:
        return None
    counts = actions["num_records"].to_pylist()
    if not any(counts):
        return -1 if None not in counts else None
    if "max._batch_id" not in actions.schema.names:
        return None
    found = [most for most, count in zip(actions["max._batch_id"].to_pylist(), counts, strict=True) if count != 0]
    return None if None in found or None in counts else max(found)


def plain(note: Mapping[str, Any]) -> str:
    """The note as it stands in the commit."""
    return json.dumps(note, sort_keys=True, separators=(",", ":"))


def differs(before: str | None, now: Mapping[str, Any]) -> list[str]:
    """Names of what has changed since the note; a single `` if there is no note that can be read."""
    held = read_note(before)
    return _differing(held, now) if held else [""]


def _differing(held: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for name in sorted({*held, *now}):
        one, other = held.get(name), now.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            found += _differing(one, other)
        elif one != other and name not in ("name", "since"):  # a clone has another name; how it got there is not what it is
            found.append(name)
    return found
