"""Which tables the files of a folder make, as `make discover` proposes them. Nothing is written."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.sources.base import SourceTable
from ingestion.sources.files import json_blocks, listing, staging
from ingestion.sources.files.entry import FileEntry, FileTables
from ingestion.sources.files.listing import FoundFile
from ingestion.sources.files.staging import StagedFile
from ingestion.sources.files.text_file import DOCUMENT, TextFile, open_file
from lakehouse.engines.standard import quote
from lakehouse.errors import ComportaError, SourceError
from lakehouse.settings import Settings
from lakehouse.store import raw

# A folder of a day, or of a part of one: the files in it are of one table with those of the next.
_TIME = re.compile(r"(?:[\w-]+=.*|\d{1,2}|(?:19|20)\d\d(?:[-_]?\d\d){0,2}|latest)", re.I)
_AWKWARD = re.compile(r"[^a-z0-9_]+")


def tables(
    settings: Settings, root: str, files: Sequence[FoundFile], told: FileTables, folder: Path
) -> tuple[list[SourceTable], list[str]]:
    """Tables that sources.yml knows and those that other files would make; and the files that are none."""
    found, silent = list[SourceTable](), list[str]()
    rest = list(files)
    for label, entry in told.tables.items():
        own = listing.matching(rest, entry.files)
        rest = [each for each in rest if each not in own]
        found.append(_table(label, entry.format, entry.key, len(own)))
    groups: dict[tuple[str, str], list[FoundFile]] = {}
    for each in rest:
        if place := _table_of(each.path):
            groups.setdefault(place, []).append(each)
        else:
            silent.append(f"{each.path} is no file of CSV, JSON or Parquet, by its name")
    for (pattern, form), own in groups.items():
        label = _label(pattern, {each.label for each in found})
        try:
            entry = FileEntry.model_validate({"files": pattern, "format": form})
            newest = staging.stage(settings, root, own[-1], folder)
            found.append(_proposed(label, entry, newest, len(own), folder=folder))
        except ComportaError as error:
            found.append(SourceTable(label, form, None, remark=str(error)))
    return found, silent


def _table_of(path: str) -> tuple[str, str] | None:
    """Pattern and format of the table that a file is of: all of its folder, but of those that are a time, and of its name at the top."""
    form = raw.format_of(path)
    if not form:
        return None
    parts = path.split("/")[:-1]
    kept = parts
    while kept and _TIME.fullmatch(kept[-1]):
        kept = kept[:-1]
    if not kept and not parts:
        return path, form
    endings = f"*{raw.suffix_of(path)}*"
    return "/".join([*kept, "**", endings] if kept else ["**", endings]), form


def _label(pattern: str, taken: set[str]) -> str:
    words = [part for part in pattern.split("/") if "*" not in part]
    word = words[-1] if words else "files"
    name = _AWKWARD.sub("_", PurePosixPath(word).name.lower().split(".")[0]).strip("_") or "files"
    return name if name not in taken else next(f"{name}_{n}" for n in range(2, len(taken) + 3) if f"{name}_{n}" not in taken)


def _proposed(label: str, entry: FileEntry, newest: StagedFile, count: int, *, folder: Path) -> SourceTable:
    """A table of `count` files, by what the newest of them is like."""
    if entry.format == "json" and json_blocks.is_array_or_object(newest.local) == "{":
        try:
            open_file(newest, entry, folder)
        except SourceError:
            entry = entry.model_copy(update={"format": "jsonl"})
    probe = entry.model_copy(update={"key": _candidates(newest.local, entry)})
    file = open_file(newest, probe, folder)
    key = _key(label, file)
    said: dict[str, Any] = {"files": entry.files, "format": entry.format}
    if key:
        said["key"] = [key]
    if entry.format == "csv":
        said["csv"] = file.options
    return _table(label, file.said.partition(": ")[2], [key] if key else [], count, entry=said)


def _table(label: str, kind: str, key: Sequence[str], files: int, entry: dict[str, Any] | None = None) -> SourceTable:
    remark = f"{files} file{'' if files == 1 else 's'}"
    return SourceTable(label, kind, rows=None, key=key, by=("new files",), remark=remark, entry=entry)


def _candidates(path: Path, entry: FileEntry) -> list[str]:
    """Fields of documents that may be a key."""
    if entry.format not in ("json", "jsonl"):
        return []
    return ["_id", "id"]


def _key(label: str, file: TextFile) -> str:
    """The column that names a row, if it is called so and is another one in each row of the file."""
    singular = label.removesuffix("s")
    for name in ("_id", "id", f"{label}_id", f"{singular}_id", f"id_{singular}"):
        place = next((place for place, each in enumerate(file.names) if each.lower() == name and each != DOCUMENT), None)
        if place is None:
            continue
        column = quote(str(place))
        batches = (batch for block in file.blocks() for batch in block.rows.select([str(place)]).to_batches())
        with duckdb.connect() as reader:
            reader.register("rows", pa.RecordBatchReader.from_batches(pa.schema([(str(place), pa.string())]), batches))
            counted = reader.execute(f"select count(*), count({column}), count(distinct {column}) from rows").fetchall()[0]
        if counted[0] and len({*counted}) == 1:
            return file.names[place]
    return ""
