"""What a run does with one table of files, as data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ingestion.bronze.columns import ColumnMapping, SourceColumn
from ingestion.bronze.names import delta_names
from ingestion.sources import base
from ingestion.sources.files import casts
from ingestion.sources.files.entry import FileEntry
from ingestion.sources.files.listing import FoundFile
from ingestion.sources.files.state import FileWindow, TakenFile
from lakehouse.tables.records import Record

PLACE = ("_file", "_line")  # columns that say where a row stands


@dataclass(kw_only=True)
class FilePlan(base.TablePlan):
    """What a run does with one table of files.

    Attributes:
        root: folder or prefix that the paths are below.
        known: files that bronze holds, by path.
        here: paths of the files that are there.
        gone: of those, the ones that are not there any more.
        contract: columns as files have them, and their kinds; filled from the files where bronze has none.
        taken: what became of the files that were read.
        refused: files that could not be read, each with the reason.
        rejected_at: where records of them that are no rows are kept.
    """

    entry: FileEntry
    root: str
    source: str
    known: dict[str, TakenFile]
    here: frozenset[str] = frozenset()
    gone: list[TakenFile] = field(default_factory=list)
    contract: dict[str, str] = field(default_factory=dict)
    taken: list[TakenFile] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    quarantined: int = 0
    rejected_at: str = ""

    @property
    def fresh(self) -> list[FoundFile]:
        """Files to be read."""
        return [*self.work]

    @property
    def is_keyed(self) -> bool:
        """Whether columns of the files name a row; else its place does."""
        return bool(self.entry.key)

    def agree(self, contract: dict[str, str]) -> None:
        """Take these columns for the table's."""
        self.contract = contract
        self.mapped = mapping(contract)
        self.names = delta_names([each.column.name for each in self.mapped])

    def reached(self, live: int | None, unmarked: int) -> FileWindow:
        here = {path for path, each in self.known.items()} | {each.file for each in self.taken if each.status != "gone"}
        here -= {each.file for each in self.taken if each.status == "gone"}
        taken = [each for each in self.taken if each.status == "taken"]
        return FileWindow(self.window.batch_id, len(here), len(taken), sum(each.quarantined for each in taken))

    def shape(self) -> dict[str, Any]:
        return {"contract": self.contract, "files": [vars(each) for each in self.taken]}

    def beside(self) -> Sequence[tuple[str, str, str]]:
        place = self.rejected_at
        return [("quarantine", place.rpartition("/")[2], place)] if self.quarantined else []

    def problems(self) -> Sequence[str]:
        return [*self.refused.values()]

    def records(self, shape: dict[str, Any], batch_id: int) -> Sequence[Record]:
        return [TakenFile(**each).record(self.source, self.name, batch_id) for each in shape.get("files", ())]


def mapping(contract: dict[str, str]) -> tuple[ColumnMapping, ...]:
    """How the columns travel: as their kinds say, and the place of each row."""
    columns = [
        ColumnMapping(SourceColumn(name, kind), source="", special=None, target=casts.target(kind))
        for name, kind in contract.items()
    ]
    file = ColumnMapping(SourceColumn(PLACE[0], "text"), source="", special=None, target=pa.string())
    line = ColumnMapping(SourceColumn(PLACE[1], "integer"), source="", special=None, target=pa.int64())
    return (*columns, file, line)
