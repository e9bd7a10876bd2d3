"""Rows that deletion vectors hide in the files of a Delta table: delta-rs counts them as if they were there."""

import json
import re
from typing import Any

from deltalake import DeltaTable

_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint.*\.parquet")
_LOG = "_delta_log"


def hidden(table: DeltaTable) -> int:
    """How many rows of the table's files its deletion vectors hide, at the table's version.

    Source: the log is replayed from the last checkpoint on, as Delta's protocol says.
    """
    if "deletionVectors" not in (table.protocol().reader_features or ()):
        return 0
    import pyarrow.parquet as pq  # heavy, and few tables have deletion vectors
    from deltalake.fs import DeltaStorageHandler
    from pyarrow.fs import FileSelector, PyFileSystem

    # A version of its own, since the table may have been opened at an older one than the log's last.
    files, last = PyFileSystem(DeltaStorageHandler.from_table(table._table)), table.version()
    checkpoints = [
        (int(found[1]), info.path)
        for info in files.get_file_info(FileSelector(_LOG))
        if (found := _CHECKPOINT.fullmatch(info.base_name)) and int(found[1]) <= last
    ]
    newest = max((version for version, _ in checkpoints), default=-1)
    by_path: dict[str, int] = {}
    for version, path in checkpoints:
        if version == newest:
            for add in pq.read_table(path, columns=["add"], filesystem=files).column("add").to_pylist():
                _put(by_path, add)
    for version in range(newest + 1, last + 1):
        with files.open_input_stream(f"{_LOG}/{version:020d}.json") as stream:
            said = [json.loads(line) for line in stream.read().splitlines()]
        for action in said:  # first: one commit removes a file and adds it again with another vector
            if "remove" in action:
                by_path.pop(action["remove"]["path"], None)
        for action in said:
            _put(by_path, action.get("add"))
    return sum(by_path.values())


def _put(by_path: dict[str, int], add: dict[str, Any] | None) -> None:
    if add and add.get("path") is not None:
        by_path[add["path"]] = (add.get("deletionVector") or {}).get("cardinality") or 0
