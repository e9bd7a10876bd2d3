"""What becomes of a table once its work is done: one Delta transaction or none, and what the ledger is told."""

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
from deltalake.exceptions import DeltaError

from ingestion.bronze.held import duckdb_type
from ingestion.bronze.table import File
from ingestion.bronze.work import RESULT, Context
from ingestion.bronze.write import added, technical, write
from ingestion.contract import Change, shape_of
from ingestion.plan import Plan
from ingestion.sources.postgres.types import KEY_HELD
from lakehouse.engines.standard import literal, quote
from lakehouse.errors import ComportaError, SourceError, StorageError
from lakehouse.settings import Settings
from lakehouse.store import lock, s3, storage


@dataclass
class Outcome:
    """What became of one table."""

    table: str
    name: str = ""
    mode: str = ""
    status: str = "failed"  # committed | empty | failed
    rows: int = 0
    deletes: int = 0
    size: int = 0
    seconds: float = 0
    checksum: str = ""
    version: int | None = None
    error: str = ""
    reason: str = ""
    changes: list[Change] = field(default_factory=list)
    lost: bool = False  # the source went away while it was read
    unstored: bool = False  # it was not the source that failed but the lake's store
    lacks: int = 0  # keys that bronze should have had and hasn't
    unmarked: int = 0  # rows that changed and whose cursor did not move
    ranges: list[float] = field(default_factory=list)  # seconds of each piece of work


def settle(settings: Settings, plan: Plan, results: list[dict[str, Any]], context: Context) -> tuple[Outcome, dict[str, Any]]:
    """Commit the table's files if all of its work was done.

    Args:
        results: rows of `RESULT`, of this table alone.

    Returns:
        the outcome, and its row for the ledger's `batches`.
    """
    results = [*results, *_emptied(plan, results, context)]
    outcome = _measured(plan, results)
    files = [File(row["path"], row["rows"], row["bytes"]) for row in results if row["path"]]
    window = plan.window.counted(_live(plan, results, outcome))
    if outcome.unmarked and plan.seen:  # until they are read, the next batch must find them as well
        window = replace(window, horizon=plan.seen.horizon)
    note = {"window": window.to_dict(), "rows": outcome.rows, "deletes": outcome.deletes, "bytes": outcome.size}
    note |= {"files": len(files), "checksum": outcome.checksum, "shape": shape_of(plan.table, plan.key).to_dict()}
    note |= {"changes": schema_rows(settings, plan.window.batch_id, outcome)}
    try:
        _check(plan, results)
        lock.check(settings)
    except (ComportaError, OSError) as error:
        _give_up(settings, outcome, error)
        with suppress(ComportaError):  # upkeep takes what stays
            storage.remove(settings, [storage.join(plan.bronze.url, file.path) for file in files])
        return outcome, _ledger_row(settings, plan, outcome, note)
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
    return outcome, _ledger_row(settings, plan, outcome, note)


def _give_up(settings: Settings, outcome: Outcome, error: Exception) -> None:
    if storage.is_s3(settings.lake_url):
        error = s3.failure(settings, error) or error
    outcome.unstored = isinstance(error, StorageError)
    outcome.error, outcome.rows, outcome.deletes = str(error), 0, 0


def _emptied(plan: Plan, results: list[dict[str, Any]], context: Context) -> list[dict[str, Any]]:
    """A tombstone without values for a table without a key that has no rows any more: it is all that could say so."""
    was_there = plan.seen is not None and plan.seen.live != 0
    if (
        plan.key
        or not (was_there and plan.whole and (plan.work or not plan.table.parts))
        or any(row["rows"] or row["error"] for row in results)
    ):
        return []
    nothing = ", ".join(f"null::{duckdb_type(plan.wanted.field(name).type)} as {quote(name)}" for name in plan.names.values())
    with duckdb.connect(config={"threads": 1}) as writer:
        select = f"select {nothing}, {technical(context, literal('d'), 'null::varchar')}"
        made = write(writer, context, select, plan.bronze.url, list(plan.names.values()))
    return [dict.fromkeys(RESULT.names) | {"table": plan.name, "op": "d", "seconds": 0.0} | made]


def _measured(plan: Plan, results: list[dict[str, Any]]) -> Outcome:
    taken = [row for row in results if row["op"] != "w" and row["path"]]  # rewritten rows are no news
    rows, deletes = (sum(row[name] for row in taken) for name in ("rows", "deletes"))
    return Outcome(
        plan.table.label, plan.name, plan.mode, rows=rows - deletes, deletes=deletes, reason=plan.reason, changes=plan.changes,
        size=sum(row["bytes"] for row in taken), seconds=sum(row["seconds"] or 0 for row in results),
        checksum=added([row["checksum"] for row in taken]), lost=any(row["lost"] for row in results),
        lacks=sum(_detail(row).get("lacks", 0) for row in results),
        unmarked=plan.unmarked + sum(_detail(row).get("unmarked", 0) for row in results), ranges=[row["seconds"] or 0 for row in results],
    )  # fmt: skip


def _detail(row: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(row["detail"])) if row["detail"] else {}


def _check(plan: Plan, results: list[dict[str, Any]]) -> None:
    errors = [row["error"] for row in results if row["error"]]
    if errors or len(results) < len(plan.work):
        seen = errors[0] if errors else "a task did not answer"
        remedy = "Nothing of it was written, and the next run reads it again"
        if KEY_HELD in seen:
            odd = [item.column.name for item in plan.mapped if item.column.name in plan.key and item.special]
            remedy = f"Set texts: [{', '.join(odd)}] in sources.yml to carry it as text, or key to other columns"
        raise SourceError(plan.table.label, seen, remedy=remedy)
    if not storage.is_s3(plan.bronze.url):
        _check_arrived(plan, [row["path"] for row in results if row["path"]])


def _check_arrived(plan: Plan, paths: list[str]) -> None:
    """A folder that is not shared would take the files of another host's tasks, and the commit would name what is not here."""
    missing = [path for path in paths if not Path(plan.bronze.url, path).exists()]
    if missing:
        seen = f"{len(missing)} of {len(paths)} files that tasks wrote are not there"
        raise StorageError(plan.bronze.url, seen, "a folder that all of Spark's workers share", "Set LAKE_URL to one, or to S3")


def _live(plan: Plan, results: list[dict[str, Any]], outcome: Outcome) -> int | None:
    """Rows of the source at the snapshot; None if they were not counted."""
    counted = [_detail(row)["live"] for row in results if "live" in _detail(row)]
    if counted or plan.window.live is not None:
        return counted[0] if counted else plan.window.live
    return outcome.rows if plan.whole and not plan.backfill else None


def _ledger_row(settings: Settings, plan: Plan, outcome: Outcome, note: dict[str, Any]) -> dict[str, Any]:
    return {
        "batch_id": plan.window.batch_id,
        "source": settings.source(),
        "source_table": plan.table.label,
        "table_name": plan.name,
        "mode": plan.mode,
        "key": json.dumps([plan.names[column] for column in plan.key]),
        "status": outcome.status,
        "rows": outcome.rows,
        "deletes": outcome.deletes,
        "bytes": outcome.size,
        "files": note["files"],
        "checksum": outcome.checksum,
        "delta_version": outcome.version,
        "window": json.dumps(note["window"]),
        "seconds": outcome.seconds,
        "error": outcome.error or None,
    }


def schema_rows(settings: Settings, batch_id: int, outcome: Outcome) -> list[dict[str, Any]]:
    """Rows of the ledger's `schema_changes`."""
    if outcome.error and "contract" not in outcome.error:
        return []
    head = {"batch_id": batch_id, "source": settings.source(), "source_table": outcome.table, "table_name": outcome.name}
    done = "refused" if outcome.error else "taken up"
    return [
        head | {"change": item.kind, "column": item.column, "before": item.before, "after": item.after, "outcome": done}
        for item in outcome.changes
    ]
