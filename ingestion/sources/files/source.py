"""A folder or a prefix of a bucket as a source: tables made of files."""

import difflib
import fnmatch
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingestion.bronze.names import table_name
from ingestion.bronze.table import Bronze
from ingestion.bronze.work import BatchContext
from ingestion.sources.base import RefusedTable, Request, RunPlan, SourceTable
from ingestion.sources.config import Section
from ingestion.sources.files import entry as source_file
from ingestion.sources.files import listing, proposal, rejected
from ingestion.sources.files.entry import FileEntry, FileTables
from ingestion.sources.files.file_plan import PLACE, FilePlan
from ingestion.sources.files.listing import FoundFile
from ingestion.sources.files.read import read
from ingestion.sources.files.state import FileWindow, gone, known
from lakehouse import access
from lakehouse.errors import ComportaError, SourceError
from lakehouse.settings import ROOT, Settings
from lakehouse.store import raw, storage


class FilesSource:
    """One folder, or prefix of a bucket."""

    kind = "files"

    def __init__(self, settings: Settings, section: Section) -> None:
        self.settings, self.tables = settings, source_file.read(section)
        self.root = _root(settings, self.tables)

    def describe(self) -> str:
        """Where it is."""
        return f"files in {self.root}"

    def discover(self) -> tuple[list[SourceTable], list[str]]:
        """The tables that its files make, and which files are none."""
        files = listing.find(self.settings, self.root)
        with _workplace(self.settings) as folder:
            return proposal.tables(self.settings, self.root, files, told=self.tables, folder=folder)

    @contextmanager
    def at_one_moment(self, request: Request) -> Iterator["FilesReading"]:
        """The files that are there now."""
        with _workplace(self.settings) as folder:
            yield FilesReading(
                settings=self.settings,
                root=self.root,
                tables=self.tables,
                files=listing.find(self.settings, self.root),
                request=request,
                folder=folder,
            )


def _root(settings: Settings, tables: FileTables) -> str:
    if tables.path is None:
        return raw.root(settings, tables.name)
    if storage.is_s3(tables.path):
        return tables.path.rstrip("/")
    return str((ROOT / Path(tables.path).expanduser()).resolve())


@contextmanager
def _workplace(settings: Settings) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=access.scratch(settings.var_dir), prefix="files-") as folder:
        yield Path(folder)


class FilesReading:
    """The files as they were listed."""

    lsn = None

    def __init__(
        self, settings: Settings, root: str, tables: FileTables, files: list[FoundFile], request: Request, folder: Path
    ) -> None:
        self._settings, self._root, self._tables, self._files = settings, root, tables, files
        self._request, self._folder, self.clock = request, folder, time.time()
        self._notes: list[str] = []

    def plan(self, batch_id: int) -> RunPlan:
        """A plan for each chosen table: which files are new, changed or gone. Writes nothing and reads none."""
        done = RunPlan(notes=self._notes)
        for label, entry in self._chosen().items():
            try:
                done.plans.append(self._plan(label, entry, batch_id))
            except (ComportaError, ValueError) as error:
                done.refused.append(RefusedTable(label, str(error)))
        return done

    def _chosen(self) -> dict[str, FileEntry]:
        entries = self._tables.tables
        if not entries:  # nothing was told: what discover would propose
            found, silent = proposal.tables(self._settings, self._root, self._files, told=self._tables, folder=self._folder)
            self._notes += silent
            entries = {each.label: FileEntry.model_validate(each.entry) for each in found if each.entry}
        chosen = {label: entry for label, entry in entries.items() if entry.enabled}
        if self._request.patterns:
            parts = [part.strip() for part in self._request.patterns.split(",") if part.strip()]
            if lost := [part for part in parts if not fnmatch.filter(entries, part)]:
                near = difflib.get_close_matches(lost[0], entries, 1)
                raise SourceError(
                    f"TABLES={lost[0]}", "names no table", ", ".join(entries), f"Did you mean {near[0]}?" if near else ""
                )
            chosen = {label: entry for label, entry in entries.items() if any(fnmatch.fnmatchcase(label, part) for part in parts)}
        if self._request.only:
            chosen = {label: entry for label, entry in chosen.items() if label in self._request.only}
        if not chosen:
            raise SourceError(
                self._root, "holds no table", "files of CSV, JSON or Parquet", "Put files there, or see make discover"
            )
        return chosen

    def _plan(self, label: str, entry: FileEntry, batch_id: int) -> FilePlan:
        settings = self._settings
        if self._request.backfill:
            raise SourceError(
                label,
                "is made of files, which have no range of time",
                "SINCE and UNTIL left out",
                "RESYNC=1 reads all of them again",
            )
        name = table_name(settings.source(), "public", label)
        bronze = Bronze(storage.join(settings.lake_url, "bronze", name), storage.options(settings))
        noted = bronze.last_batch()
        seen = FileWindow(**noted["window"]) if noted else None
        held = known(settings, name, noted)
        here = {each.path: each for each in listing.matching(self._files, entry.files)}
        if not here and not held:
            raise SourceError(
                label,
                f"no file matches {entry.files} in {self._root}",
                "at least one",
                "Mend files in sources.yml, or put files there",
            )
        whole = seen is None or self._request.resync
        fresh = [each for each in here.values() if whole or _is_other(each, held)]
        plan = FilePlan(
            label=label,
            name=name,
            mode="incremental",
            key=tuple(entry.key) or PLACE,
            bronze=bronze,
            mapped=(),
            names={},
            window=FileWindow(batch_id, len(here)),
            seen=seen,
            work=list(fresh),
            whole=whole,
            replace=self._request.resync and seen is not None,
            deletes=entry.deletes,
            cursor="new files",
            entry=entry,
            root=self._root,
            source=settings.source(),
            known={} if whole else held,
            here=frozenset(here),
            rejected_at=rejected.location(settings, name),
        )
        moved = {each.sha256 for path, each in held.items() if path in here}  # their content is there under another name
        plan.gone = [each for path, each in plan.known.items() if path not in here and each.sha256 not in moved]
        plan.taken = [gone(each) for path, each in held.items() if whole and path not in here]
        if plan.gone and entry.deletes != "compare":
            plan.notes.append(_listed([each.file for each in plan.gone]))
        plan.agree(dict((noted or {}).get("shape", {}).get("contract", {}) if not self._request.resync else {}))
        return plan

    def read(self, plans: Sequence[FilePlan], batch: BatchContext) -> list[dict[str, Any]]:
        """Each table's files, one table after the other."""
        done = []
        for plan in plans:
            done += read(self._settings, plan, batch, folder=self._folder, tell=self._notes.append)
            self._notes += [f"{plan.label}: {note}." for note in plan.notes]
            if plan.quarantined:
                self._notes.append(_quarantined(plan))
        return done


def _is_other(file: FoundFile, held: dict[str, Any]) -> bool:
    before = held.get(file.path)
    return before is None or (before.size, before.stamp) != (file.size, file.stamp)


def _listed(files: list[str]) -> str:
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    verb = "is" if len(files) == 1 else "are"
    return f"{', '.join(files[:3])}{more} {verb} not there any more; bronze keeps the rows (deletes: compare takes them out)"


def _quarantined(plan: FilePlan) -> str:
    rows = f"{plan.quarantined:,} record{'s' if plan.quarantined > 1 else ''}"
    return f"{plan.label}: {rows} went to quarantine: select * from quarantine.{plan.name}__rejected where _batch_id = {plan.window.batch_id}"
