"""A tiny source: a file to which lines of JSON are added, each with an id and a text. docs/new-source.md walks through it.

In sources.yml it is `{kind: tiny.notes, path: …}`. Nothing else of the project knows of it.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.bronze.columns import ColumnMapping, SourceColumn
from ingestion.bronze.names import delta_names, table_name
from ingestion.bronze.table import Bronze
from ingestion.bronze.work import RESULT, BatchContext
from ingestion.bronze.write import technical, write
from ingestion.sources.base import Request, RunPlan, SourceTable, TablePlan
from ingestion.sources.config import Section
from lakehouse.errors import SettingsError, SourceError
from lakehouse.settings import Settings
from lakehouse.store import storage

# How its values travel: by the types of Arrow.
COLUMNS = (
    ColumnMapping(SourceColumn("id", "long", nullable=False), source="", special=None, target=pa.int64()),
    ColumnMapping(SourceColumn("text", "text"), source="", special=None, target=pa.string()),
)


@dataclass(frozen=True)
class Lines:
    """How far bronze has got: so many lines."""

    batch_id: int
    lines: int
    live: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Kind:
    """A file of notes."""

    kind = "notes"

    def __init__(self, settings: Settings, section: Section) -> None:
        if {*section.options} != {"path"}:
            raise SettingsError(f"sources.yml: sources.{section.name}", "says other things than where its file is", "path")
        self.settings, self.path = settings, Path(section.options["path"])

    def describe(self) -> str:
        return f"notes in {self.path}"

    def discover(self) -> tuple[list[SourceTable], list[str]]:
        return [SourceTable("notes", "log", len(self._lines()), ("id",), ("its lines",), entry={})], []

    @contextmanager
    def at_one_moment(self, request: Request) -> Iterator["NotesReading"]:
        yield NotesReading(self.settings, self._lines(), request)

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").split("\n")[:-1]  # one that is not ended yet is for the next run
        except OSError as error:
            raise SourceError(str(self.path), f"can't be read: {error.strerror}", remedy="Mend path in sources.yml") from None


class NotesReading:
    """The file as it was when it was read."""

    lsn = None

    def __init__(self, settings: Settings, lines: list[str], request: Request) -> None:
        self.settings, self.lines, self.request, self.clock = settings, lines, request, time.time()

    def plan(self, batch_id: int) -> RunPlan:
        name = table_name(self.settings.source(), "public", "notes")
        bronze = Bronze(storage.join(self.settings.lake_url, "bronze", name), storage.options(self.settings))
        noted = bronze.last_batch()
        seen = Lines(**noted["window"]) if noted else None
        whole = seen is None or self.request.resync or seen.lines > len(self.lines)
        fresh = self.lines if whole or seen is None else self.lines[seen.lines :]
        made = TablePlan(
            label="notes",
            name=name,
            mode="incremental",
            key=("id",),
            bronze=bronze,
            mapped=COLUMNS,
            names=delta_names([each.column.name for each in COLUMNS]),
            window=Lines(batch_id, len(self.lines), len(self.lines)),
            seen=seen,
            rows=len(self.lines),
            cursor="its lines",
            work=[fresh] if fresh else [],
            whole=whole,
            replace=whole and seen is not None,
            reason="the file is shorter than it was" if whole and seen and not self.request.resync else "",
        )
        return RunPlan([made])

    def read(self, plans: Sequence[TablePlan], batch: BatchContext) -> list[dict[str, Any]]:
        done = []
        for plan in plans:
            for fresh in plan.work:
                started = time.monotonic()
                row = dict.fromkeys(RESULT.names) | {"table": plan.name, "op": "r" if plan.whole else "u"}
                try:
                    rows = [{name: json.loads(line)[name] for name in plan.names} for line in fresh]
                except (ValueError, KeyError, TypeError) as error:
                    done.append(row | {"error": f"a line is no note: {error}"})
                    continue
                with duckdb.connect() as writer:
                    writer.register(
                        "notes", pa.Table.from_pylist(rows, pa.schema([(each.column.name, each.target) for each in COLUMNS]))
                    )
                    select = f"select *, {technical(batch, repr(row['op']), 'null::varchar')} from notes"
                    made = write(writer, batch, select, plan.bronze.url, list(plan.names.values()))
                done.append(row | made | {"seconds": time.monotonic() - started})
        return done
