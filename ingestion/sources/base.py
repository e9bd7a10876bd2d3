"""What ingestion asks of a source, whatever its kind. `docs/new-source.md` walks through adding one."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import pyarrow as pa

from ingestion.bronze.columns import ColumnMapping
from ingestion.bronze.table import Bronze, arrow_schema, merged
from ingestion.bronze.work import BatchContext
from ingestion.sources.config import Section
from lakehouse.settings import Settings
from lakehouse.tables.records import Record


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


@dataclass(frozen=True)
class Change:
    """One column's difference between the last batch and now."""

    kind: str  # added | dropped | renamed | replaced | widened | retyped
    column: str  # in the source, its name now; of a dropped one its last
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        text = f"{self.column} {self.kind}"
        if self.kind == "renamed":
            return f"{self.before} renamed to {self.column}"
        return f"{text} ({self.before} → {self.after})" if self.before else f"{text} ({self.after})" if self.after else text


class Position(Protocol):
    """How far bronze has got with a table. It is kept in the batch's Delta commit, so it moves with the rows or not at all."""

    @property
    def batch_id(self) -> int:
        """The batch that it is of."""

    @property
    def live(self) -> int | None:
        """Rows that the source held then; None if they were not counted."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it; `batch_id` is in it."""


@dataclass(kw_only=True)
class TablePlan:
    """What a run does with one table. Whoever makes it writes nothing.

    Attributes:
        label: the table's name in the source.
        name: that of the bronze table.
        mode: full (a batch is all rows) or incremental.
        key: the source's columns that name a row; none if nothing does.
        mapped: columns, and how each travels.
        names: source column to bronze column.
        window: where bronze is once the batch is committed.
        seen: where it was after the batch before; None if there was none.
        work: pieces of work that `SourceReading.read` does; none if there is nothing to read.
        reason: why it is read whole, where it is.
        replace: the batch takes the place of all files.
        whole: all rows are read.
        backfill: a range of time is read again, and the window stays.
        moved: parts of it came or went, so that a batch without rows says something too.
        remapped: its values are read otherwise than when bronze was written.
        unmarked: rows that changed and that the source's own mark of changes did not show.
        notes: what somebody should know of how it is copied.
        rows: about how many the table has; None if that is not known.
        deletes: how rows that went are found.
        cursor: what tells that a row has changed.
    """

    label: str
    name: str
    mode: str
    key: tuple[str, ...]
    bronze: Bronze
    mapped: tuple[ColumnMapping, ...]
    names: dict[str, str]
    window: Any  # a Position; of which class, its source knows
    seen: Any
    changes: list[Change] = field(default_factory=list)
    work: list[Any] = field(default_factory=list)
    reason: str = ""
    replace: bool = False
    whole: bool = False
    backfill: bool = False
    moved: bool = False
    remapped: bool = False
    unmarked: int = 0
    notes: list[str] = field(default_factory=list)
    rows: int | None = None
    deletes: str = ""
    cursor: str = ""

    @property
    def first(self) -> bool:
        """Whether bronze has nothing of it yet."""
        return self.seen is None

    @property
    def wanted(self) -> pa.Schema:
        """Schema of bronze after this batch, as Arrow has it."""
        return merged(self.bronze.schema(), arrow_schema(self.mapped, self.names))

    @property
    def is_read(self) -> bool:
        """Whether no rows mean that the source has none."""
        return bool(self.work)

    def reached(self, live: int | None, unmarked: int) -> Position:
        """The window once the batch is done; with `unmarked` rows the next one must find them as well.

        Args:
            live: rows of the source; None if they were not counted.
        """
        reached: Position = self.window
        return reached

    def shape(self) -> dict[str, Any]:
        """What the next batch is to know of the table as it was now."""
        return {}

    def records(self, shape: dict[str, Any], batch_id: int) -> Sequence[Record]:
        """What the ledger is told of a batch besides, by what its commit says of the table (`shape`)."""
        return ()

    def beside(self) -> Sequence[tuple[str, str, str]]:
        """Tables that the batch wrote besides, for the catalog: schema, name, place."""
        return ()

    def problems(self) -> Sequence[str]:
        """What of the table could not be read though the rest was; each in a line."""
        return ()

    def remedy(self, seen: str) -> str:
        """What to do where a piece of work ended with the error `seen`."""
        return "Nothing of it was written, and the next run reads it again"


@dataclass(frozen=True)
class SourceTable:
    """A table that a source has.

    Attributes:
        kind: what it is there, in a word.
        rows: about how many; None if that is not known.
        by: what tells that a row has changed; empty if nothing does.
        remark: what is in the way of copying it, or may surprise.
        entry: what sources.yml is to say of it; None if it says something already, or the table is not to be copied.
    """

    label: str
    kind: str
    rows: int | None
    key: Sequence[str] = ()
    by: Sequence[str] = ()
    remark: str = ""
    entry: dict[str, Any] | None = None


@dataclass(frozen=True)
class RefusedTable:
    """A table that can't be copied, and why."""

    label: str
    error: str
    name: str = ""
    changes: Sequence[Change] = ()


@dataclass
class RunPlan:
    """What a run is to do.

    Attributes:
        notes: what was left out though nobody asked for it, and what may surprise.
    """

    plans: list[Any] = field(default_factory=list)  # each a Plan
    refused: list[RefusedTable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class SourceReading(Protocol):
    """A source at one moment: all tables that a run copies are of it."""

    @property
    def clock(self) -> float:
        """The source's time, seconds since 1970."""

    @property
    def lsn(self) -> int | None:
        """Position of its log, for `_source_lsn`; None if it has none."""

    def plan(self, batch_id: int) -> RunPlan:
        """What to do with each table that was asked for. Writes nothing.

        Raises:
            SourceError: no table is chosen, or none may be read.
        """

    def read(self, plans: Sequence[Any], batch: BatchContext) -> list[dict[str, Any]]:
        """Do all the plans' work: write Parquet files into the folders of their bronze tables. One row of `RESULT` for each piece."""


Sums = dict[int, tuple[int, int]]  # bucket of keys: rows, sum of their numbers


@dataclass(frozen=True)
class RowDigest:
    """A row of one side of a comparison: its number, how often it stands there, its key as people read it."""

    number: int
    times: int
    shown: str
    pending: bool = False


class Side(Protocol):
    """A table's living rows as numbers: equal rows have the same, whichever side they lie on."""

    def sums(self) -> Sums:
        """Rows and the sum of their numbers, of each bucket."""

    def rows(self, buckets: list[int]) -> dict[str, RowDigest]:
        """Rows of some buckets, by their keys."""

    def fields(self, keys: list[str]) -> dict[str, list[str]]:
        """What each column of some rows digests to."""


@runtime_checkable
class Comparable(Protocol):
    """A reading whose tables can be compared with bronze (`reconcile`)."""

    def sides(self, plan: Any) -> AbstractContextManager[tuple[Side, Side]]:
        """The source's side and bronze's.

        Raises:
            SourceError: a question failed there.
        """

    def recorded(self, plan: Any, bronze: Any) -> list[str]:
        """Batches that are not in bronze as the ledger recorded them, each in a few words."""


class SourceKind(Protocol):
    """A kind of source, for one database, folder or service of that kind."""

    kind: ClassVar[str]

    def __init__(self, settings: Settings, section: Section) -> None: ...

    def describe(self) -> str:
        """What it is and where, in a few words, without a secret and without asking it."""

    def discover(self) -> tuple[list[SourceTable], list[str]]:
        """Its tables, and what it does not tell, each in a few words."""

    def at_one_moment(self, request: Request) -> AbstractContextManager[SourceReading]:
        """Open it.

        Raises:
            SourceError: it can't be reached.
            SourceLostError: it may be there again in a moment.
        """
