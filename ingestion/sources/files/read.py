"""A table's files read into bronze: Parquet files of rows that fit, and what doesn't, kept with file, line and reason."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.bronze.held import rewrite
from ingestion.bronze.work import RESULT, BatchContext, RewriteTask
from ingestion.bronze.write import DoubtError, technical, write
from ingestion.sources.base import Change
from ingestion.sources.files import casts, deletions, infer_sql, rejected, staging
from ingestion.sources.files.contract import agreed, widened
from ingestion.sources.files.file_plan import PLACE, FilePlan
from ingestion.sources.files.fit import fitting
from ingestion.sources.files.rejected import RejectedRow
from ingestion.sources.files.staging import StagedFile
from ingestion.sources.files.state import TakenFile, gone
from ingestion.sources.files.text_file import TextFile, open_file
from lakehouse.engines.standard import literal, quote
from lakehouse.errors import SourceError
from lakehouse.settings import Settings
from lakehouse.store import storage

_CHUNK = 256 * 2**20  # bytes of files that share one file of bronze
_SOME = 8  # files, of the first and of the last, whose beginnings are looked at before all of all
_FIRST = 2_000  # rows that tell which kinds a column may be of
_MOST = 1_000_000  # records that may be rejected of a table in one batch
Tell = Callable[[str], None]


def read(settings: Settings, plan: FilePlan, batch: BatchContext, folder: Path, tell: Tell) -> list[dict[str, Any]]:
    """Read the plan's files; one row of `RESULT` for each file of bronze, or one with an error.

    Args:
        folder: for what has to be fetched or unpacked.
        tell: is told what files were found to be.
    """
    started = time.monotonic()
    row = dict.fromkeys(RESULT.names) | {"table": plan.name, "op": "r"}
    try:
        found = _Reading(settings, plan, batch, folder=folder, tell=tell).run()
    except (SourceError, duckdb.Error, ValueError) as error:
        return [row | {"error": str(error)}]
    if plan.first and not plan.taken and plan.refused:  # no table is made of nothing
        return [row | {"error": f"none of its {len(plan.refused)} files could be read"}]
    seconds = (time.monotonic() - started) / max(1, len(found))
    made = [row | each | {"seconds": seconds} for each in found]
    # Each file is a piece of work; those that share a file of bronze, or had no rows, are answered for as well.
    return made + [row | {"seconds": 0.0} for _ in range(len(plan.work) - len(made))]


class _Reading:
    """Reads one table's files."""

    def __init__(self, settings: Settings, plan: FilePlan, batch: BatchContext, folder: Path, tell: Tell) -> None:
        self.settings, self.plan, self.batch, self.folder, self.tell = settings, plan, batch, folder, tell
        self.counts: dict[str, list[int]] = {}  # of a file: rows, rejected
        self.waiting: list[RejectedRow] = []
        self.is_typed = plan.entry.format == "parquet"  # its files have types; those of the others are text
        self.at = datetime.fromisoformat(batch.ingested_at.replace(" ", "T") + ":00")

    def run(self) -> list[dict[str, Any]]:
        plan = self.plan
        rejected.forget_unfinished(self.settings, plan.name, plan.seen.batch_id if plan.seen else -1)
        files = self._opened(self._staged())
        if not files and not plan.gone and not plan.taken:
            return []
        made: list[dict[str, Any]] = []
        if files:
            held = dict(plan.contract)
            files = agreed(plan, files, partial(self._kinds, sample=True), self.tell)
            made = self._written(files, held)
        for file in files:
            rows, wrong = self.counts[file.staged.found.path]
            plan.taken.append(_taken(file.staged, rows, wrong))
            plan.moved = plan.moved or not rows
        made += self._deleted(files, [each["path"] for each in made if each["path"] and each.get("op") != "w"])
        plan.taken += [gone(each) for each in plan.gone]
        plan.moved = plan.moved or bool(plan.gone) or bool(plan.taken)
        for file in files:
            if not staging.is_unchanged(file.staged, plan.root):
                raise SourceError(file.staged.found.path, "changed while it was read", remedy="Run again")
        self._keep()
        return made

    def _staged(self) -> list[StagedFile]:
        """The files with their hashes, without those whose content bronze has, or that can't be read."""
        plan, found = self.plan, list[StagedFile]()
        known = {each.sha256: each for each in plan.known.values() if each.status == "taken"}
        for file in plan.fresh:
            try:
                staged = staging.stage(self.settings, plan.root, file, self.folder)
            except SourceError as error:
                plan.refused[file.path] = str(error)
                continue
            before = plan.known.get(file.path)
            twin = known.get(staged.sha256)
            if before and before.sha256 == staged.sha256:  # touched, and no more
                plan.taken.append(_taken(staged, before.rows, before.quarantined, before.status))
            elif twin:
                plan.taken.append(_taken(staged, 0, 0, "same"))
                plan.notes.append(f"{file.path} has the content of {twin.file}, and is not taken again")
                plan.gone = [each for each in plan.gone if each.file != twin.file]
            else:
                found.append(staged)
                known[staged.sha256] = _taken(staged, 0, 0)
        return found

    def _opened(self, files: Sequence[StagedFile]) -> list[TextFile]:
        found = []
        for each in files:
            try:
                file = open_file(each, self.plan.entry, self.folder)
            except SourceError as error:
                self.plan.refused[each.found.path] = str(error)
                continue
            found.append(file)
            self.tell(file.said)
        return found

    def _kinds(self, files: Sequence[TextFile], columns: Sequence[str], sample: bool) -> dict[str, infer_sql.ColumnKinds]:
        """Kinds of columns over files, or over how each of them begins."""
        if not (columns and files):
            return {}
        places = _texts(columns).names
        some = [*files[:_SOME], *files[_SOME:][-_SOME:]] if sample else files[:_SOME]
        first = {file.staged.found.path: list(_aligned(file, columns, beginning=True)) for file in some}

        def over(sample: bool, limit: str, query: str) -> dict[str, Any]:
            held = (batch for batches in first.values() for batch in batches)
            blocks = held if sample else (batch for file in files for batch in _aligned(file, columns))
            with duckdb.connect() as reader:
                reader.register("rows", pa.RecordBatchReader.from_batches(_texts(columns), blocks))
                told = reader.execute(f"select {query} from (from rows{limit})")
                return dict(zip([each[0] for each in told.description or ()], told.fetchall()[0], strict=True))

        found = infer_sql.kinds(partial(over, sample, ""), partial(over, True, f" limit {_FIRST}"), places)
        return dict(zip(columns, found.values(), strict=True))

    def _written(self, files: Sequence[TextFile], held: dict[str, str]) -> list[dict[str, Any]]:
        """Bronze's files of these. Where texts don't fit, columns are looked at again in all rows, and rows one by one.

        Args:
            held: the columns that the table had before.
        """
        plan = self.plan
        try:
            return self._in_chunks(files, careful=False)
        except DoubtError:
            every = partial(self._kinds, sample=False)
        if len(held) < len(plan.contract):
            plan.changes = [change for change in plan.changes if change.kind != "added"]
            plan.contract = held
            agreed(plan, files, every, lambda text: None)
        made = list[dict[str, Any]]()
        if held and (wider := widened(plan, files, every)):
            before = dict(plan.contract)
            plan.agree(plan.contract | wider)
            plan.changes += [
                Change("widened", name, str(casts.target(before[name])), str(casts.target(kind))) for name, kind in wider.items()
            ]
            made = self._rewritten()
        return made + self._in_chunks(files, careful=True)

    def _rewritten(self) -> list[dict[str, Any]]:
        """What bronze holds, with wider types."""
        plan = self.plan
        plan.replace = True
        with self._reader() as reader:
            tasks = [
                RewriteTask(table=plan.name, file=file, columns=plan.wanted, folder=plan.bronze.url, pages=0)
                for file in plan.bronze.files()
            ]
            return [rewrite(reader, self.batch, task) | {"op": "w"} for task in tasks]

    def _in_chunks(self, files: Sequence[TextFile], careful: bool) -> list[dict[str, Any]]:
        """Files of bronze, each of some of these: of one that is large, or of many small ones.

        Raises:
            DoubtError: some text does not fit its column; no file stays.
        """
        made, chunk, size = list[dict[str, Any]](), list[tuple[int, TextFile]](), 0
        self.waiting, self.counts = [], {file.staged.found.path: [0, 0] for file in files}
        try:
            for number, file in enumerate(files, 1):
                chunk.append((number, file))
                size += file.staged.local.stat().st_size
                if size >= _CHUNK or number == len(files):
                    made.append(self._chunk(chunk, careful))
                    chunk, size = [], 0
        except BaseException:
            storage.remove(self.settings, [storage.join(self.plan.bronze.url, each["path"]) for each in made if each["path"]])
            raise
        return made

    def _chunk(self, files: Sequence[tuple[int, TextFile]], careful: bool) -> dict[str, Any]:
        plan = self.plan
        columns = list(plan.contract)
        nulls = [0] * len(columns)

        def rows() -> Iterator[pa.RecordBatch]:
            for number, file in files:
                yield from self._rows(number, file, careful=careful, nulls=nulls)

        def check(made: Path) -> str:
            return "" if careful else _misfits(made, [plan.names[name] for name in columns], nulls)

        values = [
            f"{quote(str(place)) if self.is_typed else casts.value(str(place), kind)} as {quote(plan.names[name])}"
            for place, (name, kind) in enumerate(plan.contract.items())
        ]
        more = technical(self.batch, literal("r"), "null::varchar", "number * 1099511627776 + line")
        place = f"file as {PLACE[0]}, line as {PLACE[1]}"
        with self._reader() as reader:
            reader.register("rows", pa.RecordBatchReader.from_batches(self._schema(columns), rows()))
            return write(
                reader,
                self.batch,
                select=f"select {', '.join([*values, place])}, {more} from rows",
                folder=plan.bronze.url,
                columns=list(plan.names.values()),
                check=check,
            )

    def _rows(self, number: int, file: TextFile, *, careful: bool, nulls: list[int]) -> Iterator[pa.RecordBatch]:
        """The file's rows for bronze; counts them, and the nulls of each column."""
        columns = list(self.plan.contract)
        path, counts, schema = file.staged.found.path, self.counts[file.staged.found.path], self._schema(columns)
        with duckdb.connect(config={"threads": 1}) as judge:
            for block in file.blocks():
                aligned = _by_contract(block.rows, file.names, columns)
                self._reject(path, block.rejects)
                keys = [str(columns.index(key)) for key in self.plan.entry.key]
                if careful or any(aligned.column(key).null_count for key in keys):
                    aligned, rejects = fitting(judge, aligned, self.plan.contract, self.plan.entry.key, is_text=not self.is_typed)
                    self._reject(path, rejects)
                for place in range(len(columns)):
                    nulls[place] += aligned.column(place).null_count
                counts[0] += aligned.num_rows
                count = aligned.num_rows
                aligned = aligned.append_column(
                    "file", pa.DictionaryArray.from_arrays(pa.nulls(count, pa.int32()).fill_null(0), [path]).cast(pa.string())
                )
                aligned = aligned.append_column("number", pa.nulls(count, pa.int64()).fill_null(number))
                yield from aligned.select(schema.names).cast(schema).to_batches()

    def _schema(self, columns: Sequence[str]) -> pa.Schema:
        """Of the rows that bronze's file is made of."""
        kinds = self.plan.contract
        types = [casts.target(kinds[name]) if self.is_typed else pa.string() for name in columns]
        fields = [(str(place), type_) for place, type_ in enumerate(types)]
        return pa.schema([*fields, ("line", pa.int64()), ("file", pa.string()), ("number", pa.int64())])

    def _reject(self, path: str, rejects: Sequence[tuple[int, str, str]]) -> None:
        self.counts[path][1] += len(rejects)
        self.waiting += [RejectedRow(path, *each) for each in rejects]
        if len(self.waiting) > _MOST:
            raise SourceError(
                path,
                f"more than {_MOST:,} records don't fit",
                "the table's columns",
                f"The last: line {self.waiting[-1].line}, {self.waiting[-1].reason}",
            )

    def _keep(self) -> None:
        self.plan.quarantined = len(self.waiting)
        if self.waiting:
            rejected.add(self.settings, self.plan.name, batch_id=self.batch.batch_id, at=self.at, rows=self.waiting)

    def _deleted(self, files: Sequence[TextFile], fresh: list[str]) -> list[dict[str, Any]]:
        """A deletion of each row that is missing from a file's new content, or whose file is gone, as far as the entry says so."""
        over = deletions.over(self.plan, {file.staged.found.path for file in files})
        if not over or self.plan.bronze.table is None:
            return []
        with self._reader() as reader:
            return [deletions.write_them(reader, self.plan, self.batch, files=over, fresh=fresh) | {"op": "d"}]

    def _reader(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(config={"temp_directory": str(self.folder), "memory_limit": "2GB"})


def _taken(staged: StagedFile, rows: int, quarantined: int, status: str = "taken") -> TakenFile:
    found = staged.found
    return TakenFile(
        file=found.path,
        size=found.size,
        stamp=found.stamp,
        sha256=staged.sha256,
        rows=rows,
        quarantined=quarantined,
        status=status,
    )


def _texts(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([(str(place), pa.string()) for place in range(len(columns))])


def _by_contract(rows: pa.Table, names: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """The rows' columns in the contract's order; of one that the file lacks, nothing."""
    places = {name: str(place) for place, name in enumerate(names)}
    found = [rows.column(places[name]) if name in places else pa.nulls(rows.num_rows) for name in columns]
    return pa.table([*found, rows.column("line")], [*map(str, range(len(columns))), "line"])


def _aligned(file: TextFile, columns: Sequence[str], beginning: bool = False) -> Iterator[pa.RecordBatch]:
    """The file's columns as texts; of its first block alone, if its beginning is asked for."""
    for block in islice(file.blocks(), 1 if beginning else None):
        yield from _by_contract(block.rows, file.names, columns).drop_columns(["line"]).cast(_texts(columns)).to_batches()


def _misfits(made: Path, columns: Sequence[str], nulls: Sequence[int]) -> str:
    """Which columns have more nulls than their texts had: some did not fit, or are words for null."""
    metadata = pq.ParquetFile(made).metadata
    places = {metadata.schema.column(place).path: place for place in range(metadata.num_columns)}
    for name, expected in zip(columns, nulls, strict=True):
        groups = (metadata.row_group(group).column(places[name]).statistics for group in range(metadata.num_row_groups))
        if sum(each.null_count for each in groups) != expected:
            return name
    return ""
