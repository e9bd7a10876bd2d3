"""What a run does with one table of PostgreSQL, as data that `plan.py` fills."""

from dataclasses import dataclass, replace
from typing import Any

from ingestion.sources import base
from ingestion.sources.postgres import contract
from ingestion.sources.postgres import entry as source_file
from ingestion.sources.postgres.discover import PostgresTable
from ingestion.sources.postgres.types import KEY_HELD
from ingestion.sources.postgres.window import Window


@dataclass(kw_only=True)
class PostgresPlan(base.TablePlan):
    """What a run does with one table of PostgreSQL.

    Attributes:
        by_xmin: changes are found by xmin, whatever its cursor is.
        path: statement that lets a view's functions be found.
    """

    table: PostgresTable
    entry: source_file.Entry
    by_xmin: bool = False
    path: str = ""

    @property
    def is_read(self) -> bool:
        return bool(self.work or not self.table.parts)

    def reached(self, live: int | None, unmarked: int) -> Window:
        window: Window = self.window.counted(live)
        if unmarked and self.seen:  # until they are read, the next batch must find them as well
            return replace(window, horizon=self.seen.horizon)
        return window

    def shape(self) -> dict[str, Any]:
        return contract.shape_of(self.table, self.key).to_dict()

    def remedy(self, seen: str) -> str:
        if KEY_HELD not in seen:
            return super().remedy(seen)
        odd = [item.column.name for item in self.mapped if item.column.name in self.key and item.special]
        return f"Set texts: [{', '.join(odd)}] in sources.yml to carry it as text, or key to other columns"
