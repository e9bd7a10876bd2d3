"""A folder as a source, without Spark: what a run does of it, but for the catalog."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from ingestion.bronze.work import BatchContext
from ingestion.outcome import TableOutcome
from ingestion.settle import missed, record_missed, settle
from ingestion.sources.base import Request, RunPlan
from ingestion.sources.config import Section
from ingestion.sources.files import rejected
from ingestion.sources.files.source import FilesSource
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import lake, ledger


@dataclass
class Folder:
    """A folder of files, a lake beside it, and one entry of sources.yml for each table."""

    root: Path
    settings: Settings
    tables: dict[str, Any]
    batch: int = 0
    path: str | None = None  # of the source; by default the folder

    def write(self, path: str, content: str | bytes) -> Path:
        """Put a file there."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return place

    def take(self, request: Request | None = None) -> dict[str, TableOutcome]:
        """One run: what became of each table; the notes are in `self.notes`."""
        self.batch += 1
        section = Section("src", kind="files", tables=self.tables, options={"path": self.path or str(self.root)})
        settings = self.settings.model_copy(update={"source_name": "src"})
        with FilesSource(settings, section).at_one_moment(request or Request()) as reading:
            planned: RunPlan = reading.plan(self.batch)
            for plan in missed(settings, planned.plans):
                record_missed(settings, plan)
            batch = BatchContext(self.batch, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f+00}", None, storage.options(settings))
            results = reading.read(planned.plans, batch)
        done = {}
        for plan in planned.plans:
            outcome, row = settle(settings, plan, [each for each in results if each["table"] == plan.name], batch)
            done[plan.label] = outcome
            if outcome.status == "committed":
                ledger.emit(settings, *plan.records(plan.shape(), self.batch))
            ledger.emit(settings, row)
        self.notes, self.refused = planned.notes, {each.label: each.error for each in planned.refused}
        return done

    def rows(self, table: str, query: str = "select * from bronze") -> list[dict[str, Any]]:
        """What bronze holds."""
        place = storage.join(self.settings.lake_url, "bronze", f"src__{table}")
        return _asked(lake.at(self.settings, place), "bronze", query)

    def current(self, table: str, *key: str) -> list[dict[str, Any]]:
        """The newest version of each living row, as `latest_per_key` has it."""
        names = ", ".join(key or ("_file", "_line"))
        newest = f"row_number() over (partition by {names} order by _batch_id desc, _op = 'd', _source_lsn desc) as _rank"
        query = (
            f"select * exclude (_rank) from (select *, {newest} from bronze) where _rank = 1 and _op <> 'd' order by _file, _line"
        )
        return self.rows(table, query)

    def rejected(self, table: str) -> list[tuple[str, int, str]]:
        """File, line and reason of each record in quarantine."""
        place = rejected.location(self.settings, f"src__{table}")
        if not DeltaTable.is_deltatable(place, storage.options(self.settings)):
            return []
        query = "select _file, _line, _reason from rejected order by _batch_id, _file, _line"
        return [tuple(row.values()) for row in _asked(lake.at(self.settings, place), "rejected", query)]  # type: ignore[misc]


def folder(tmp_path: Path, **tables: Any) -> Folder:
    """An empty one."""
    (tmp_path / "in").mkdir()
    settings = Settings(lake_url=str(tmp_path / "lake"), var_dir=tmp_path / "var")
    return Folder(tmp_path / "in", settings, tables)


def _asked(table: DeltaTable, name: str, query: str) -> list[dict[str, Any]]:
    with duckdb.connect() as reader:
        reader.register(name, table.to_pyarrow_dataset())
        found: list[dict[str, Any]] = reader.execute(query).to_arrow_table().to_pylist()
        return found
