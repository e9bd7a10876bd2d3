"""What becomes of a table once its work is done: one Delta transaction or none, and what the ledger is told."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
from deltalake.exceptions import DeltaError

from ingestion.bronze.held import duckdb_types
from ingestion.bronze.table import File
from ingestion.bronze.work import RESULT, BatchContext
from ingestion.bronze.write import added, technical, write
from ingestion.outcome import TableOutcome
from ingestion.sources.base import TablePlan
from lakehouse.engines.standard import literal, quote
from lakehouse.errors import ComportaError, SourceError, StorageError
from lakehouse.settings import Settings
from lakehouse.store import lock, s3, storage
from lakehouse.tables import ledger
from lakehouse.tables.records import BatchRecord, SchemaChangeRecord


def settle(
    settings: Settings, plan: TablePlan, results: list[dict[str, Any]], batch: BatchContext
) -> tuple[TableOutcome, BatchRecord]:
    """Commit the table's files if all of its work was done.

    Args:
        results: rows of `RESULT`, of this table alone.

    Returns:
        the outcome, and its record for the ledger.
    """
    results = [*results, *_emptied(plan, results, batch)]
    outcome = _measured(plan, results)
    files = [File(row["path"], row["rows"], row["bytes"]) for row in results if row["path"]]
    window = plan.reached(_live(plan, results, outcome), outcome.unmarked)
    note = {"window": window.to_dict(), "rows": outcome.rows, "deletes": outcome.deletes, "bytes": outcome.size}
    note |= {"files": len(files), "checksum": outcome.checksum, "shape": plan.shape()}
    outcome.problems = list(plan.problems())
    note |= {"source": settings.source(), "source_table": plan.label, "mode": plan.mode, "key": _key(plan)}
    note |= {"changes": [asdict(each) for each in schema_changes(settings, plan.window.batch_id, outcome)]}
    try:
        _check(plan, results)
        lock.check(settings)
    except (ComportaError, OSError) as error:
        _give_up(settings, outcome, error)
        with suppress(ComportaError):  # upkeep takes what stays
            storage.remove(settings, [storage.join(plan.bronze.url, file.path) for file in files])
        return outcome, _record(settings, plan, outcome, note)
    try:
        if files or plan.first or plan.changes or plan.moved or plan.remapped:
            outcome.version = plan.bronze.commit(plan.wanted, note, files, plan.replace)
            outcome.status = "committed"
        else:
            outcome.status, outcome.version = "empty", plan.bronze.version()
    except (ComportaError, DeltaError, OSError) as error:
        _give_up(settings, outcome, error)
        # On S3 the files stay: a commit that is under way may yet name them. If none does, upkeep takes them.
        if not storage.is_s3(plan.bronze.url) and not outcome.unstored:
            storage.remove(settings, [storage.join(plan.bronze.url, file.path) for file in files])
    return outcome, _record(settings, plan, outcome, note)


def _give_up(settings: Settings, outcome: TableOutcome, error: Exception) -> None:
    if storage.is_s3(settings.lake_url):
        error = s3.failure(settings, error) or error
    outcome.unstored = isinstance(error, StorageError)
    outcome.error, outcome.rows, outcome.deletes = str(error), 0, 0


def _emptied(plan: TablePlan, results: list[dict[str, Any]], batch: BatchContext) -> list[dict[str, Any]]:
    """A tombstone without values for a table without a key that has no rows any more: it is all that could say so."""
    was_there = plan.seen is not None and plan.seen.live != 0
    if plan.key or not (was_there and plan.whole and plan.is_read) or any(row["rows"] or row["error"] for row in results):
        return []
    types = duckdb_types(plan.wanted)
    nothing = ", ".join(f"null::{types[name]} as {quote(name)}" for name in plan.names.values())
    with duckdb.connect(config={"threads": 1}) as writer:
        select = f"select {nothing}, {technical(batch, literal('d'), 'null::varchar')}"
        made = write(writer, batch, select=select, folder=plan.bronze.url, columns=list(plan.names.values()))
    return [dict.fromkeys(RESULT.names) | {"table": plan.name, "op": "d", "seconds": 0.0} | made]


def _measured(plan: TablePlan, results: list[dict[str, Any]]) -> TableOutcome:
    taken = [row for row in results if row["op"] != "w" and row["path"]]  # rewritten rows are no news
    rows, deletes = (sum(row[name] for row in taken) for name in ("rows", "deletes"))
    return TableOutcome(
        plan.label,
        plan.name,
        plan.mode,
        rows=rows - deletes,
        deletes=deletes,
        reason=plan.reason,
        changes=plan.changes,
        size=sum(row["bytes"] for row in taken),
        seconds=sum(row["seconds"] or 0 for row in results),
        checksum=added([row["checksum"] for row in taken]),
        lost=any(row["lost"] for row in results),
        lacks=sum(_detail(row).get("lacks", 0) for row in results),
        unmarked=plan.unmarked + sum(_detail(row).get("unmarked", 0) for row in results),
        ranges=[row["seconds"] or 0 for row in results],
    )


def _detail(row: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(row["detail"])) if row["detail"] else {}


def _check(plan: TablePlan, results: list[dict[str, Any]]) -> None:
    errors = [row["error"] for row in results if row["error"]]
    if errors or len(results) < len(plan.work):
        seen = errors[0] if errors else "a task did not answer"
        raise SourceError(plan.label, seen, remedy=plan.remedy(seen))
    if not storage.is_s3(plan.bronze.url):
        _check_arrived(plan, [row["path"] for row in results if row["path"]])


def _check_arrived(plan: TablePlan, paths: list[str]) -> None:
    """A folder that is not shared would take the files of another host's tasks, and the commit would name what is not here."""
    missing = [path for path in paths if not Path(plan.bronze.url, path).exists()]
    if missing:
        seen = f"{len(missing)} of {len(paths)} files that tasks wrote are not there"
        raise StorageError(plan.bronze.url, seen, "a folder that all of Spark's workers share", "Set LAKE_URL to one, or to S3")


def _live(plan: TablePlan, results: list[dict[str, Any]], outcome: TableOutcome) -> int | None:
    """Rows of the source at the snapshot; None if they were not counted."""
    counted = [_detail(row)["live"] for row in results if "live" in _detail(row)]
    known: int | None = plan.window.live
    if counted or known is not None:
        return counted[0] if counted else known
    return outcome.rows if plan.whole and not plan.backfill else None


def _key(plan: TablePlan) -> list[str]:
    return [plan.names.get(column, column) for column in plan.key]  # nothing may have been read yet that has it


def missed(settings: Settings, plans: Sequence[TablePlan]) -> list[TablePlan]:
    """Plans whose last batch a kill kept from the ledger after it was committed."""
    known = ledger.latest(settings, "batches", "table_name", "batch_id")
    notes = [(plan, plan.bronze.last_batch()) for plan in plans]
    return [plan for plan, note in notes if note and (plan.name, note["window"]["batch_id"]) not in known]


def record_missed(settings: Settings, plan: TablePlan) -> None:
    """Note the plan's last batch, as its commit says it was."""
    noted = plan.bronze.last_batch()
    assert noted is not None
    number = noted["window"]["batch_id"]
    told = {row["table_name"] for row in ledger.rows(settings, "schema_changes") if row["batch_id"] == number}
    if plan.name not in told:
        ledger.emit(settings, *(SchemaChangeRecord(**change) for change in noted.get("changes") or ()))
    ledger.emit(settings, *plan.records(noted.get("shape") or {}, number))
    # Notes of before these were in them are of this very source and, unless its key was changed meanwhile, key.
    key = noted.get("key", _key(plan))
    missed = BatchRecord(
        batch_id=number,
        run_id=number,
        source=noted.get("source", settings.source()),
        source_table=noted.get("source_table", plan.label),
        table_name=plan.name,
        mode=noted.get("mode", plan.mode),
        key=json.dumps(key),
        status="committed",
        rows=noted.get("rows"),
        deletes=noted.get("deletes"),
        bytes=noted.get("bytes"),
        files=noted.get("files"),
        checksum=noted.get("checksum"),
        delta_version=noted["delta_version"],
        window=json.dumps(noted["window"]),
    )
    ledger.emit(settings, missed)


def _record(settings: Settings, plan: TablePlan, outcome: TableOutcome, note: dict[str, Any]) -> BatchRecord:
    return BatchRecord(
        batch_id=plan.window.batch_id,
        run_id=plan.window.batch_id,
        source=settings.source(),
        source_table=plan.label,
        table_name=plan.name,
        mode=plan.mode,
        key=json.dumps(_key(plan)),
        status=outcome.status,
        rows=outcome.rows,
        deletes=outcome.deletes,
        bytes=outcome.size,
        files=note["files"],
        checksum=outcome.checksum,
        delta_version=outcome.version,
        window=json.dumps(note["window"]),
        seconds=outcome.seconds,
        error=outcome.error or None,
    )


def schema_changes(settings: Settings, batch_id: int, outcome: TableOutcome) -> list[SchemaChangeRecord]:
    """Records of columns that differed from the batch before."""
    if outcome.error and "contract" not in outcome.error:
        return []
    return [
        SchemaChangeRecord(
            batch_id=batch_id,
            source=settings.source(),
            source_table=outcome.table,
            table_name=outcome.name,
            change=item.kind,
            column=item.column,
            before=item.before,
            after=item.after,
            outcome="refused" if outcome.error else "taken up",
        )
        for item in outcome.changes
    ]
