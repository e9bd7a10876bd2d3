"""What a run is to do with each table: its window, its pieces of work, and why it is read whole where it is."""

import json
from typing import Any

from psycopg2 import Error as DatabaseError
from psycopg2.extensions import connection as Connection

from ingestion.bronze.names import delta_names, table_name
from ingestion.bronze.table import Bronze
from ingestion.bronze.work import RewriteTask
from ingestion.sources.postgres import contract, keys
from ingestion.sources.postgres import entry as source_file
from ingestion.sources.postgres.check import check_key, check_readable, check_zone, measure, remarks
from ingestion.sources.postgres.connect import with_path
from ingestion.sources.postgres.contract import ContractError, Shape
from ingestion.sources.postgres.discover import Leaf, PostgresTable
from ingestion.sources.postgres.plan_context import PlanContext
from ingestion.sources.postgres.ranges import RANGE_PAGES, Piece, Span, cut, cut_window
from ingestion.sources.postgres.table_plan import PostgresPlan
from ingestion.sources.postgres.types import map_column
from ingestion.sources.postgres.window import Window, condition, next_window, reread_reason, written_since
from ingestion.sources.postgres.work import CompareTask, ReadTask, Work
from lakehouse.engines.standard import literal, quote
from lakehouse.errors import SettingsError, SourceError
from lakehouse.redaction import first_line
from lakehouse.store import storage

COMPARE_PAGES = 8 * 8192  # 512 MB of heap: a few million keys


def plan(moment: PlanContext, table: PostgresTable, taken: dict[str, str]) -> PostgresPlan:
    """Decide what to do with `table`.

    Args:
        taken: bronze names of the run's other tables, with their labels.

    Raises:
        SourceError: it can't be read, named or copied as its entry asks.
        ContractError: its columns changed in a way that its contract does not allow.
    """
    check_readable(table)
    entry = moment.sources.tables.get(table.label, source_file.Entry())
    mode, key, cursor = source_file.settle(table, entry)
    name = _name(moment, table, taken)
    names = _column_names(table)
    bronze = Bronze(storage.join(moment.settings.lake_url, "bronze", name), storage.options(moment.settings))
    noted = bronze.last_batch()
    seen, shape = last_window(moment, noted, name)
    if entry.zone:
        check_zone(moment.source, entry.zone)
    table = measure(moment.source, table, moment.sizes)
    window = next_window(
        moment.batch_id, cursor or "", snapshot=moment.snapshot, seen=seen, zone=(entry.zone or "") if cursor != "xmin" else ""
    )
    mapped = tuple(
        map_column(column, entry.fitted(column.name), column.name in entry.texts, moment.encoding) for column in table.columns
    )
    made = PostgresPlan(
        label=table.label,
        table=table,
        name=name,
        entry=entry,
        mode=mode,
        key=key,
        bronze=bronze,
        mapped=mapped,
        names=names,
        window=window,
        seen=seen,
        notes=remarks(table, entry, cursor),
        rows=table.row_estimate,
        deletes=entry.deletes,
        cursor=window.cursor,
    )
    made.path = with_path(moment.source.path) if table.kind == "v" else ""
    held = bronze.schema()
    if held is not None:
        made.changes = contract.changes(shape, held, mapped, names)
    refused = contract.refusal(entry.contract, made.changes, moment.request.resync)
    if refused:
        raise ContractError(label=made.table.label, policy=entry.contract, refused=refused, found=made.changes, name=name)
    _fill(made, shape, moment)
    return made


def _name(moment: PlanContext, table: PostgresTable, taken: dict[str, str]) -> str:
    name = table_name(moment.sources.source or moment.settings.source(), table.schema, table.name)
    if name in taken:
        seen = f"would be bronze.{name}, as {taken[name]} is"
        raise SourceError(table.label, seen, "a name of its own", "Copy one of them through a view")
    return name


def _column_names(table: PostgresTable) -> dict[str, str]:
    try:
        return delta_names([column.name for column in table.columns])
    except ValueError as error:
        raise SourceError(table.label, str(error), "names that Delta can tell apart", "Rename one, or copy a view") from None


def last_window(moment: PlanContext, noted: dict[str, Any] | None, name: str) -> tuple[Window | None, Shape | None]:
    """The window and shape to go on from.

    Args:
        noted: what the last batch's commit says of itself.
        name: of the bronze table.
    """
    if noted is None:
        return None, None
    shape = Shape(**noted["shape"]) if "shape" in noted else None
    window = Window(**noted["window"])
    later = [row for (other, _), row in moment.batches.items() if other == name and row["status"] == "empty"]
    newest = max(later, key=lambda row: row["batch_id"], default=None)
    if newest and newest["batch_id"] > window.batch_id:
        return Window(**json.loads(newest["window"])), shape
    return window, shape


def _fill(made: PostgresPlan, shape: Shape | None, moment: PlanContext) -> None:
    """Add the work, and what the batch is called."""
    request = moment.request
    if request.backfill:
        _backfill(made, moment)
        return
    made.by_xmin = made.table.label in request.unmarked
    made.reason = _reason(made, shape, moment)
    made.whole = made.first or made.mode == "full" or bool(made.reason)
    kinds = {change.kind for change in made.changes}
    made.moved = shape is not None and set(shape.leaves) != {str(leaf.oid) for leaf in made.table.leaves}
    made.moved |= shape is not None and bool(shape.key) and tuple(shape.key) != made.key
    made.replace = "retyped" in kinds
    if "widened" in kinds and not made.replace:
        made.work += _rewrites(made)
        made.replace = True
    if (
        made.seen
        and made.mode == "full"
        and not made.key
        and not made.replace
        and not made.reason
        and _untouched(made, shape, moment)
    ):
        return
    if set(made.key) != set(made.table.key) and (made.whole or made.moved):
        check_key(moment.source, made.table, made.key, made.path)
    for leaf in made.table.parts:
        made.work += _reads(made, leaf, _leaf_window(made, leaf, shape), moment)
    if made.table.kind in "vf":
        made.work.append(_read(made, made.table.sql, _window(made), RANGE_PAGES))
    compares = made.entry.deletes == "compare" or _rekeyed(made, shape)
    if made.seen and made.key and compares and "retyped" not in kinds:
        made.work += _compares(made, moment.source)


def _reason(made: PostgresPlan, shape: Shape | None, moment: PlanContext) -> str:
    request, window = moment.request, made.window
    if made.seen is None:
        return ""
    if made.table.label in request.lacking:
        return "bronze lacked rows that earlier batches should have brought"
    if request.resync:
        return "RESYNC asks for it"
    if otherwise := contract.remapped_columns(shape, made.table):
        made.remapped = True
        return f"{', '.join(otherwise)} is copied as PostgreSQL prints it now, unlike by the version of Comporta that wrote bronze"
    if reworded := contract.reworded_columns(shape, made.table):
        made.remapped = True
        return f"the catalog has values of {', '.join(reworded)} read otherwise now (a label, an attribute, an expression)"
    if made.mode == "full":
        return ""
    return reread_reason(made.seen, window.cursor, moment.snapshot, window.zone) or contract.reread_reason(made.changes)


def _rekeyed(made: PostgresPlan, shape: Shape | None) -> bool:
    """Whether keys that bronze holds are written otherwise now, so that the old ones must be taken out whatever `deletes` says."""
    otherwise = {*contract.remapped_columns(shape, made.table), *contract.reworded_columns(shape, made.table)}
    return shape is not None and bool(otherwise & set(made.key))


def _window(made: PostgresPlan) -> str:
    """Condition of the rows that the batch takes; "" for all."""
    if made.whole or made.seen is None:
        return ""
    if made.by_xmin:
        return written_since(made.seen)
    column = made.table.column(made.window.cursor)
    return condition(made.seen, column.nullable, column.type_name) if column else condition(made.seen, nullable=False)


def _leaf_window(made: PostgresPlan, leaf: Leaf, shape: Shape | None) -> str:
    """As `_window`, but a partition attached since, or a table put in the place of another, is read whole."""
    rewritten_counts = made.window.cursor != "xmin"
    if shape is not None and not all(shape.holds(each, rewritten_counts) for each in leaf.covers or (leaf,)):
        return ""
    return _window(made)


def _reads(made: PostgresPlan, leaf: Leaf, window: str, moment: PlanContext) -> list[Work]:
    pieces: list[Piece] = [(0, None, 0)]
    if leaf.has_ctid and window:
        pieces = cut_window(moment.source, leaf, window, 4 * moment.settings.source_connections)
    elif leaf.has_ctid:
        pieces = cut(moment.source, made.table, leaf)
    spans = [((first, 0), None if end is None else (end, 0)) if leaf.has_ctid else None for first, end, _ in pieces]
    return [_read(made, leaf.sql, where=window, pages=share, span=span) for span, (*_, share) in zip(spans, pieces, strict=True)]


def _read(made: PostgresPlan, relation: str, where: str, pages: int, span: Span | None = None) -> ReadTask:
    op = "r" if made.whole else "u"
    gone = source_file.gone(made.table, made.entry)
    return ReadTask(
        table=made.name,
        relation=relation,
        where=where,
        pages=pages,
        mapped=made.mapped,
        names=made.names,
        op=op,
        folder=made.bronze.url,
        gone=gone,
        key=made.key,
        path=made.path,
        span=span,
    )


def _compares(made: PostgresPlan, source: Connection) -> list[Work]:
    """The key comparison, in as many pieces as the table is large."""
    whole = _compare(made)
    if whole.pages <= COMPARE_PAGES or not keys.in_order(whole):
        return [whole]
    live, fresh, unmarked = keys.probe(source, made.table, whole.changed, whole.taken)
    made.window, made.unmarked = made.window.counted(live), 0 if made.moved else unmarked
    if live == whole.live and not fresh:
        return []
    return [*keys.pieces(whole, source, made.table, -(-whole.pages // COMPARE_PAGES))]


def _compare(made: PostgresPlan) -> CompareTask:
    parts = made.table.parts
    changed = written_since(made.seen) if made.seen and made.table.has_xmin and not made.reason else "true"
    keys = tuple(item for column in made.key for item in made.mapped if item.column.name == column)
    return CompareTask(
        table=made.name,
        relations=tuple(leaf.sql for leaf in parts) or (made.table.sql,),
        changed=changed,
        taken=_window(made) or "true",
        live=made.seen.live if made.seen and not made.moved else None,
        mapped=keys,
        names=made.names,
        files=tuple(made.bronze.files()),
        folder=made.bronze.url,
        pages=sum(leaf.pages for leaf in made.table.leaves),
        columns=tuple(made.names.values()),
        moved=made.moved,
        path=made.path,
    )


def _rewrites(made: PostgresPlan) -> list[Work]:
    """Every file of bronze anew, in the wider types."""
    return [
        RewriteTask(table=made.name, file=path, columns=made.wanted, folder=made.bronze.url, pages=size // 8192)
        for path, size in made.bronze.sizes().items()
    ]


def _untouched(made: PostgresPlan, shape: Shape | None, moment: PlanContext) -> bool:
    """Whether a table without a key holds just the rows it held: none written since, and as many."""
    seen, table = made.seen, made.table
    if seen is None or not table.has_xmin or seen.live is None or reread_reason(seen, made.window.cursor, moment.snapshot):
        return False
    if made.changes or (shape and not all(shape.holds(leaf, False) for leaf in table.leaves)):
        return False
    live, fresh, _ = keys.probe(moment.source, table, written_since(seen))
    if live != seen.live or fresh:
        return False
    made.window = made.window.counted(live)
    return True


def _backfill(made: PostgresPlan, moment: PlanContext) -> None:
    """Read a range of time again; the window stays where it is."""
    request, table = moment.request, made.table
    if made.seen is None:
        raise SourceError(table.label, "was never copied", "a copy to fill up", f"Run make ingest TABLES={table.label} first")
    if made.changes:
        listed = ", ".join(map(str, made.changes))
        raise SourceError(table.label, f"its columns changed: {listed}", remedy=f"Run make ingest TABLES={table.label} first")
    stamps = iter([*table.cursors, *table.zoneless])
    column = made.entry.cursor if made.entry.cursor not in (None, "xmin") else next(stamps, None)
    if column is None:
        raise SourceError(
            table.label,
            "has no column that SINCE and UNTIL could go by",
            "a cursor column",
            "Set cursor in sources.yml, or use RESYNC=1",
        )
    bounds = ((">=", request.since), ("<", request.until))
    where = " and ".join(f"{quote(str(column))} {sign} {literal(bound)}" for sign, bound in bounds if bound)
    _check_bounds(moment.source, table, where)
    made.whole, made.backfill, made.reason = True, True, f"backfill of {column} {request.since or '…'} to {request.until or '…'}"
    made.window = made.seen.continued(moment.batch_id)
    for leaf in table.parts:
        made.work += _reads(made, leaf, where, moment)
    if table.kind in "vf":
        made.work.append(_read(made, table.sql, where, RANGE_PAGES))


def _check_bounds(source: Connection, table: PostgresTable, where: str) -> None:
    with source.cursor() as cursor:
        try:
            relation = table.parts[0].sql if table.parts else table.sql  # of partitions one, since all would have to be locked
            cursor.execute(f"select 1 from {relation} where {where} limit 0")
        except DatabaseError as error:
            seen = first_line(error)
            raise SettingsError("SINCE and UNTIL", seen, f"values of {table.label}'s cursor", "Say SINCE=2026-01-01") from None
