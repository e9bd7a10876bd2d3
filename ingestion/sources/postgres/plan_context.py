"""The moment that all plans of a run are made in."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ingestion.bronze.names import table_name
from ingestion.sources.base import Request
from ingestion.sources.postgres.connect import Source
from ingestion.sources.postgres.discover import Sizes
from ingestion.sources.postgres.entry import Sources
from ingestion.sources.postgres.window import Snapshot
from lakehouse.settings import Settings
from lakehouse.tables import ledger


@dataclass
class PlanContext:
    """What all plans of a run have in common."""

    settings: Settings
    sources: Sources
    source: Source
    snapshot: Snapshot
    batch_id: int
    request: Request
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
