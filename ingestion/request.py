"""What a run was asked for, and the moment that it reads: what planning needs beside a table."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ingestion.sources import config as source_file
from ingestion.sources.postgres.connect import Source
from ingestion.sources.postgres.discover import Sizes
from ingestion.sources.postgres.types import table_name
from ingestion.sources.postgres.window import Snapshot
from lakehouse.settings import Settings
from lakehouse.tables import ledger


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        patterns: tables, comma separated; None for all that sources.yml enables.
        since: read again the rows whose cursor is at or after this …
        until: … and before this.
        resync: read whole, whatever the window says.
        only: labels of the tables to copy, whatever `patterns` says; empty for all.
        lacking: labels of tables to be read whole since bronze turned out to lack rows of theirs.
        unmarked: labels of tables to be read by xmin since rows of theirs changed and their cursor did not move.
        run_id: of the pipeline whose part it is; None where it is asked for by itself.
    """

    patterns: str | None = None
    since: str | None = None
    until: str | None = None
    resync: bool = False
    only: frozenset[str] = frozenset()
    lacking: frozenset[str] = frozenset()
    unmarked: frozenset[str] = frozenset()
    run_id: int | None = None

    @property
    def backfill(self) -> bool:
        """Whether a range of time is asked for."""
        return bool(self.since or self.until)


@dataclass
class Moment:
    """What all plans of a run have in common."""

    settings: Settings
    sources: source_file.Sources
    source: Source
    snapshot: Snapshot
    batch_id: int
    request: Request
    dry: bool = False  # nothing may be written, not even to the ledger
    encoding: str = "UTF8"  # of the source's database
    sizes: Sizes | None = None  # of all tables; None where one is locked, which is then found out by itself

    @cached_property
    def batches(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        """The ledger's last record of each batch, by bronze table and number."""
        return ledger.latest(self.settings, "batches", "table_name", "batch_id")

    @cached_property
    def copied(self) -> set[str]:
        """Labels of this source's tables of which bronze has something, and on which somebody counts."""
        source = self.sources.source or self.settings.source()
        begins = table_name(source, "public", "")
        rows = [row for (name, _), row in self.batches.items() if name.startswith(begins) and row["status"] == "committed"]
        return {row["source_table"] for row in rows}
