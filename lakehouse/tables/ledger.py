"""The ledger: what was copied, judged and released, as Delta tables that anyone can query.

Written by delta-rs, one small commit per record, so that no Spark is needed and a record is whole or absent.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import TableNotFoundError

from lakehouse import console
from lakehouse.redaction import conceal, first_line
from lakehouse.settings import Settings
from lakehouse.store import lock, storage
from lakehouse.tables import migration
from lakehouse.tables.records import Record

_UTC = pa.timestamp("us", tz="UTC")
_LANES = 8  # files asked for at once: each is mostly waiting
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(milliseconds=1)  # what the log says of a file's times may be rounded down to one

SCHEMAS: dict[str, pa.Schema] = {
    # One row per change of state of a command's run; the latest row of a run_id is its state.
    "runs": pa.schema(
        [
            ("run_id", pa.int64()),
            ("command", pa.string()),
            ("status", pa.string()),  # running | succeeded | failed
            ("rows", pa.int64()),
            ("seconds", pa.float64()),
            ("detail", pa.string()),
            ("at", _UTC),
        ]
    ),
    # One row per table of an ingestion run.
    "batches": pa.schema(
        [
            ("batch_id", pa.int64()),  # the run_id of the ingestion
            ("run_id", pa.int64()),  # of the pipeline whose part it was; else the batch's own
            ("source", pa.string()),
            ("source_table", pa.string()),
            ("table_name", pa.string()),
            ("mode", pa.string()),  # full | incremental
            ("key", pa.string()),  # JSON list of columns
            ("status", pa.string()),  # committed | empty | failed
            ("rows", pa.int64()),
            ("deletes", pa.int64()),
            ("bytes", pa.int64()),
            ("files", pa.int64()),
            ("checksum", pa.string()),  # of its rows, whatever their order and files: 64 bits in hex
            ("delta_version", pa.int64()),
            ("window", pa.string()),  # JSON: from where to where it read
            ("seconds", pa.float64()),
            ("error", pa.string()),
            ("at", _UTC),
        ]
    ),
    # One row per file of a batch; the latest row of a file says what bronze holds of it.
    "files": pa.schema(
        [
            ("source", pa.string()),
            ("table_name", pa.string()),
            ("batch_id", pa.int64()),
            ("file", pa.string()),  # its path below the source's
            ("status", pa.string()),  # taken | gone | same: taken under another name
            ("size", pa.int64()),
            ("stamp", pa.string()),  # of the content, as its store tells: another one for another content
            ("sha256", pa.string()),
            ("rows", pa.int64()),  # that it has in bronze
            ("quarantined", pa.int64()),  # records of it that are no rows
            ("at", _UTC),
        ]
    ),
    # One row per column that differed from the batch before.
    "schema_changes": pa.schema(
        [
            ("batch_id", pa.int64()),
            ("source", pa.string()),
            ("source_table", pa.string()),
            ("table_name", pa.string()),
            ("change", pa.string()),  # added | dropped | renamed | replaced | widened | retyped
            ("column", pa.string()),
            ("before", pa.string()),
            ("after", pa.string()),
            ("outcome", pa.string()),  # taken up | refused
            ("at", _UTC),
        ]
    ),
    # One row per table that was compared with its source.
    "reconciliations": pa.schema(
        [
            ("source", pa.string()),
            ("source_table", pa.string()),
            ("table_name", pa.string()),
            ("delta_version", pa.int64()),
            ("verdict", pa.string()),  # equal | differs | failed
            ("source_rows", pa.int64()),
            ("bronze_rows", pa.int64()),
            ("buckets", pa.int64()),  # of 4096 by key: those that differ
            ("detail", pa.string()),  # JSON list of differences, or an error
            ("seconds", pa.float64()),
            ("at", _UTC),
        ]
    ),
    # One row per gate verdict over one version of one table.
    "verdicts": pa.schema(
        [
            ("verdict_id", pa.string()),
            ("run_id", pa.int64()),
            ("layer", pa.string()),
            ("table_name", pa.string()),
            ("delta_version", pa.int64()),
            ("table_id", pa.string()),  # Delta's own: a table that was made anew under the name has another one
            ("verdict", pa.string()),  # passed | failed | errored
            ("declared", pa.int64()),
            ("ran", pa.int64()),
            ("failed_critical", pa.int64()),
            ("failed_warning", pa.int64()),
            ("rows_seen", pa.int64()),
            ("suite_hash", pa.string()),
            ("failures", pa.string()),  # JSON list: check, column, severity, observed, unexpected_count, sample
            ("page", pa.string()),  # of the verdict, relative to the site
            ("basis", pa.string()),  # JSON: other tables that were asked, with their versions, and until when the verdict holds
            ("quarantined", pa.int64()),  # pending rows that were taken out
            ("owner", pa.string()),  # of the suite
            ("checks", pa.string()),  # JSON: what each check saw, passed ones too (expectations.trend)
            ("judged_by", pa.string()),  # user@host
            ("seconds", pa.float64()),
            ("at", _UTC),
        ]
    ),
    # One row per change of state of a release; the latest row of a release_id is its state.
    "releases": pa.schema(
        [
            ("release_id", pa.int64()),
            ("run_id", pa.int64()),
            ("layer", pa.string()),
            ("kind", pa.string()),  # release | rollback
            ("status", pa.string()),  # pending | published
            ("tables", pa.string()),  # JSON object: table name -> Delta version
            ("held", pa.string()),  # JSON object: bronze table -> version and key of the quarantine that its readers don't see
            ("note", pa.string()),
            ("at", _UTC),
        ]
    ),
}


def location(settings: Settings, name: str) -> str:
    """Where the ledger table `name` lives."""
    return storage.join(settings.lake_url, "ops", name)


_alone = Lock()


def append(settings: Settings, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Append `rows` to the ledger table `name` in one commit; a missing field is null, `at` defaults to now.

    Records are read in the order of `at`, so it never runs backwards: after a clock that was ahead, it goes on from there.
    """
    with _alone:  # sources that are read side by side note what they did in turn
        known = _table(settings, name)
        now = max(datetime.now(UTC), _newest(known) + _TICK) if known else datetime.now(UTC)
        told = [{field: conceal(value) if isinstance(value, str) else value for field, value in row.items()} for row in rows]
        table = pa.Table.from_pylist([{"at": now, **row} for row in told], schema=SCHEMAS[name])
        lock.check(settings)
        place = migration.brought_up(known, name) if known else _created(settings, name)
        write_deltalake(place, table, mode="append", schema_mode="merge", storage_options=storage.options(settings))


_listeners: list[Callable[[Settings, Record], None]] = []


@contextmanager
def listening(listener: Callable[[Settings, Record], None]) -> Iterator[None]:
    """Within, `listener` is told each record after it was written: the one place where others can follow what happens to a lake.

    One that fails is told to the user, and stops nothing.
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def emit(settings: Settings, *records: Record) -> None:
    """Write records of one kind in one commit, and tell whoever listens; nothing, if there are none.

    Raises:
        LockError: the write lock was lost.
    """
    if not records:
        return
    append(settings, records[0].table, [asdict(record) for record in records])
    for record in records:
        for listener in list(_listeners):
            try:
                listener(settings, record)
            except Exception as error:  # noqa: BLE001 - it is somebody else's code, and the record is written
                console.warn(f"ops.{record.table}: a listener failed: {first_line(error)}")


def _table(settings: Settings, name: str) -> DeltaTable | None:
    try:
        found = DeltaTable(location(settings, name), storage_options=storage.options(settings))
    except TableNotFoundError:
        return None
    migration.refuse_later(found, location(settings, name))
    return found


def _created(settings: Settings, name: str) -> DeltaTable:
    return DeltaTable.create(
        location(settings, name),
        SCHEMAS[name],
        mode="ignore",
        storage_options=storage.options(settings),
        configuration=migration.PROPERTIES,
        raise_if_key_not_exists=False,
    )


def _newest(table: DeltaTable) -> datetime:
    """The latest `at` that the log knows of."""
    actions = table.get_add_actions(flatten=True)
    if "max.at" not in actions.schema.names:  # no record yet
        return _EPOCH
    micros = [each for each in actions["max.at"].cast(pa.int64()).to_pylist() if each is not None]
    return _EPOCH + timedelta(microseconds=max(micros, default=0))


def rows(settings: Settings, name: str) -> list[dict[str, Any]]:
    """Every record of the ledger table `name`, oldest first; empty before the first."""
    table = _table(settings, name)
    if table is None:
        return []
    missing = dict.fromkeys(SCHEMAS[name].names)  # a record of an earlier release may lack a field
    found = [missing | row for records in _all(settings, storage.files(table)) for row in records]
    return sorted(found, key=lambda row: row["at"])


_kept: dict[str, list[dict[str, Any]]] = {}  # of files on S3, which never change and are far away


def _all(settings: Settings, uris: list[str]) -> list[list[dict[str, Any]]]:
    """Records of each file."""
    if not storage.is_s3(settings.lake_url):
        return [_records(_read(settings, uri)) for uri in uris]
    absent = [uri for uri in uris if uri not in _kept]
    if absent:
        with ThreadPoolExecutor(_LANES) as pool:
            _kept.update(zip(absent, pool.map(lambda uri: _records(_read(settings, uri)), absent), strict=True))
    return [_kept[uri] for uri in uris]


def _records(table: pa.Table) -> list[dict[str, Any]]:
    # Arrow makes times by importing pandas, and casts by importing its compute module: each takes longer than all the rest.
    times = [micros for chunk in table.column("at").chunks for micros in chunk.view(pa.int64()).to_pylist()]
    rows: list[dict[str, Any]] = table.drop_columns(["at"]).to_pylist()
    return [row | {"at": _EPOCH + timedelta(microseconds=micros)} for row, micros in zip(rows, times, strict=True)]


def _read(settings: Settings, uri: str) -> pa.Table:
    # One file after the other in this thread: Arrow's own threads now and then abort a process that ends right after.
    if not storage.is_s3(uri):
        return pq.ParquetFile(uri).read(use_threads=False)
    # Not by delta-rs: it keeps Python's lock while it waits, and the thread that renews our lease from its work.
    return pq.ParquetFile(io.BytesIO(storage.read(settings, uri))).read(use_threads=False)


def next_run_id(settings: Settings) -> int:
    """One more than any run noted: a number, not a time, so that a clock set back cannot reorder batches."""
    return max((row["run_id"] for row in rows(settings, "runs")), default=0) + 1


_promised: set[tuple[str, int]] = set()  # lake and number of runs of this process that are not noted yet
_one_at_a_time = Lock()


@contextmanager
def new_run_id(settings: Settings) -> Iterator[int]:
    """The number of a run that is noted within: no other run of this process is given it meanwhile."""
    with _one_at_a_time:
        given = max((number for lake, number in _promised if lake == settings.lake_url), default=0)
        promise = settings.lake_url, max(next_run_id(settings), given + 1)
        _promised.add(promise)
    try:
        yield promise[1]
    finally:
        _promised.discard(promise)


def latest(settings: Settings, name: str, *key: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The newest record for each value of the columns `key`."""
    return {tuple(row[column] for column in key): row for row in rows(settings, name)}


def create_missing(settings: Settings) -> None:
    """Create the ledger tables that do not exist, so that the catalog can name them before the first run."""
    for name in SCHEMAS:
        _created(settings, name)
