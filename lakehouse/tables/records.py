"""Records of the ledger, one class for each of its tables. Their fields are said in `ledger.SCHEMAS`; `at` is added as they are written."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A change of state of a command's run."""

    table: ClassVar[str] = "runs"
    run_id: int
    command: str
    status: str
    rows: int | None = None
    seconds: float | None = None
    detail: str | None = None


@dataclass(frozen=True, kw_only=True)
class BatchRecord:
    """What a batch brought to one bronze table; its key is named as bronze names it, JSON like `window`."""

    table: ClassVar[str] = "batches"
    batch_id: int
    run_id: int
    source: str | None  # None of rows let back into a table of which no batch is known
    source_table: str | None
    table_name: str
    mode: str
    key: str
    status: str
    rows: int | None
    deletes: int | None
    bytes: int | None = None
    files: int | None = None
    checksum: str | None = None
    delta_version: int | None = None
    window: str | None = None
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file as a batch found it."""

    table: ClassVar[str] = "files"
    source: str
    table_name: str
    batch_id: int
    file: str
    status: str
    size: int
    stamp: str
    sha256: str
    rows: int
    quarantined: int


@dataclass(frozen=True, kw_only=True)
class SchemaChangeRecord:
    """A column that differed from the batch before."""

    table: ClassVar[str] = "schema_changes"
    batch_id: int
    source: str
    source_table: str
    table_name: str
    change: str
    column: str
    before: str
    after: str
    outcome: str


@dataclass(frozen=True, kw_only=True)
class ReconciliationRecord:
    """A table that was compared with its source."""

    table: ClassVar[str] = "reconciliations"
    source: str
    source_table: str
    table_name: str
    delta_version: int | None
    verdict: str
    source_rows: int | None
    bronze_rows: int | None
    buckets: int
    detail: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class VerdictRecord:
    """A gate's verdict over one version of one table."""

    table: ClassVar[str] = "verdicts"
    verdict_id: str
    run_id: int | None
    layer: str
    table_name: str
    delta_version: int | None
    table_id: str | None
    verdict: str
    declared: int
    ran: int
    failed_critical: int
    failed_warning: int
    rows_seen: int | None
    suite_hash: str
    failures: str
    page: str
    basis: str | None
    quarantined: int | None
    owner: str | None
    checks: str | None
    judged_by: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ReleaseRecord:
    """A change of state of a release."""

    table: ClassVar[str] = "releases"
    release_id: int
    run_id: int | None
    layer: str
    kind: str
    status: str
    tables: str
    held: str | None
    note: str


Record = RunRecord | BatchRecord | FileRecord | SchemaChangeRecord | ReconciliationRecord | VerdictRecord | ReleaseRecord
KINDS: tuple[type[Record], ...] = (
    RunRecord,
    BatchRecord,
    FileRecord,
    SchemaChangeRecord,
    ReconciliationRecord,
    VerdictRecord,
    ReleaseRecord,
)
