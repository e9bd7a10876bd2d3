"""A PostgreSQL as a source: its moment, the plans of its tables, and their work as one Spark job."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from typing import Any

import psycopg2
from psycopg2.extensions import parse_dsn

from ingestion.bronze.work import RESULT, BatchContext
from ingestion.sources.base import RefusedTable, Request, RunPlan, SourceTable
from ingestion.sources.config import Section
from ingestion.sources.postgres import entry as source_file
from ingestion.sources.postgres import recorded, tls
from ingestion.sources.postgres.check import check_readable
from ingestion.sources.postgres.connect import Source, open_source, prepare, session
from ingestion.sources.postgres.contract import ContractError
from ingestion.sources.postgres.discover import PostgresTable, Sizes, discover, sizes
from ingestion.sources.postgres.plan import plan
from ingestion.sources.postgres.plan_context import PlanContext
from ingestion.sources.postgres.refusal import LOCKED, lost, reason, remedy
from ingestion.sources.postgres.side import BronzeSide, SourceSide
from ingestion.sources.postgres.snapshot import Origin, can_join, take_snapshot, unknown
from ingestion.sources.postgres.table_plan import PostgresPlan
from ingestion.sources.postgres.tasks import extract
from ingestion.sources.postgres.window import Snapshot
from ingestion.sources.postgres.work import Context
from lakehouse.errors import ComportaError, SourceError
from lakehouse.settings import Settings


class PostgresSource:
    """One database."""

    kind = "postgres"

    def __init__(self, settings: Settings, section: Section) -> None:
        self.settings, self.sources = settings, source_file.read(section)

    def describe(self) -> str:
        """The database and its server."""
        said = parse_dsn(self.settings.dsn())
        return f"PostgreSQL {said.get('dbname', '')} at {said.get('host') or said.get('hostaddr') or 'this machine'}"

    def discover(self) -> tuple[list[SourceTable], list[str]]:
        """Its tables, and what this server does not tell."""
        with closing(open_source(self.settings)) as source:
            try:
                silent = unknown(take_snapshot(source))
                tables = discover(source)
            except psycopg2.Error as error:
                raise lost(error) from None
        fresh = source_file.draft(tables, self.sources)
        return [_found(table, fresh.get(table.label)) for table in tables], silent

    @contextmanager
    def at_one_moment(self, request: Request) -> Iterator["PostgresReading"]:
        """Its tables in one snapshot, which tasks join where the server lets them."""
        with closing(open_source(self.settings)) as source:
            dsn = prepare(self.settings)
            try:
                snapshot = take_snapshot(source)
            except psycopg2.Error as error:
                raise lost(error) from None
            yield PostgresReading(
                settings=self.settings, sources=self.sources, origin=Origin(source, dsn, None), snapshot=snapshot, request=request
            )


class PostgresReading:
    """A database at one moment."""

    def __init__(
        self, settings: Settings, sources: source_file.Sources, origin: Origin, snapshot: Snapshot, request: Request
    ) -> None:
        self._settings, self._sources, self._origin, self._snapshot, self._request = settings, sources, origin, snapshot, request
        self.clock, self.lsn = snapshot.clock, snapshot.lsn

    @contextmanager
    def sides(self, plan: PostgresPlan) -> Iterator[tuple[SourceSide, BronzeSide]]:
        """The table there and in bronze."""
        try:
            with (
                closing(BronzeSide(self._settings, plan)) as bronze,
                closing(SourceSide(self._settings, self._joined, plan)) as source,
            ):
                yield source, bronze
        except psycopg2.Error as error:
            raise SourceError(plan.label, reason(error), remedy=remedy(error.pgcode)) from None

    def recorded(self, plan: PostgresPlan, bronze: BronzeSide) -> list[str]:
        """Batches that are not as they were recorded."""
        return recorded.check(self._settings, plan, bronze)

    @cached_property
    def _joined(self) -> Origin:
        return Origin(self._origin.source, self._origin.dsn, self._shared())

    def _shared(self) -> str | None:
        try:
            return self._snapshot.name if can_join(self._origin.dsn, self._snapshot) else None
        except psycopg2.Error as error:
            raise lost(error) from None

    def plan(self, batch_id: int) -> RunPlan:
        """A plan for every chosen table; what can't be copied is refused, by name. Writes nothing."""
        source = self._origin.source
        try:
            with source.cursor() as cursor:
                cursor.execute("show server_encoding")
                encoding = str((cursor.fetchone() or ("UTF8",))[0])
            moment = PlanContext(
                settings=self._settings,
                sources=self._sources,
                source=source,
                snapshot=self._snapshot,
                batch_id=batch_id,
                request=self._request,
                encoding=encoding,
            )
            return _plan_all(moment)
        except psycopg2.Error as error:
            raise lost(error) from None

    def read(self, plans: Sequence[PostgresPlan], batch: BatchContext) -> list[dict[str, Any]]:
        """All work as one Spark job, in the snapshot of the plans."""
        source, dsn, settings = self._origin.source, self._origin.dsn, self._settings
        shared = self._shared() if any(each.work for each in plans) else None
        context = Context(
            **vars(batch),
            dsn=dsn,
            session=tuple(session(source.server_version, settings.source_timeout)),
            snapshot=shared,
            authorities=tls.roots(dsn),
        )
        if shared is None:
            source.close()  # its snapshot serves nobody; the one connection that reads may be all that the role has
        return extract(settings, [*plans], context) + self._rewritten(plans)

    def _rewritten(self, plans: Sequence[PostgresPlan]) -> list[dict[str, Any]]:
        """A failure, to be tried again, of each table whose storage is another one than when it was planned.

        What is rewritten, or emptied and filled, before it is read shows no rows to a snapshot from before, and all would count as
        deleted. PostgreSQL says so of ALTER TABLE and TRUNCATE: they are not safe under its snapshots.
        """
        leaves = {leaf.oid: (plan, leaf.node) for plan in plans if plan.work for leaf in plan.table.leaves if leaf.node}
        if not leaves:
            return []
        with closing(open_source(self._settings)) as source, source.cursor() as cursor:
            cursor.execute("select oid::bigint, relfilenode::bigint from pg_class where oid = any (%s::oid[])", (list(leaves),))
            now = dict(cursor.fetchall())
        names = sorted({plan.name for oid, (plan, node) in leaves.items() if now.get(oid) != node})
        error = "it was rewritten, emptied or dropped while it was read"
        return [dict.fromkeys(RESULT.names) | {"table": name, "op": "r", "error": error, "lost": True} for name in names]


_KINDS = {"r": "table", "p": "partitioned", "m": "mat. view", "v": "view", "f": "foreign"}


def _found(table: PostgresTable, entry: dict[str, Any] | None) -> SourceTable:
    by = [*(["xmin"] if table.has_xmin else []), *table.cursors, *(f"{name} with a zone" for name in table.zoneless)]
    return SourceTable(
        label=table.label,
        kind=_KINDS[table.kind],
        rows=table.row_estimate,
        key=table.key,
        by=by,
        remark=_remark(table),
        entry=entry,
    )


def _remark(table: PostgresTable) -> str:
    if table.parents:
        return f"copied with {', '.join(table.parents)}"
    try:
        check_readable(table)
    except SourceError as error:
        return error.seen
    if table.hidden:
        return f"without {', '.join(table.hidden)}: not granted"
    return "with its children" if table.inherited else ""


def _plan_all(moment: PlanContext) -> RunPlan:
    done = RunPlan()
    found = discover(moment.source)
    if not (moment.request.patterns or moment.request.only):
        if source_file.is_anothers(found, moment.sources) and not moment.copied & {*moment.sources.tables}:
            done.notes.append("sources.yml lists tables of another database alone: all that may be read are copied")
        else:
            done.refused += [RefusedTable(error.where, str(error)) for error in source_file.vanished(found, moment.sources)]
        gone = moment.copied - {table.label for table in found} - set(moment.sources.tables)
        done.notes += [f"{label}: is not in the database any more; bronze keeps what it has." for label in sorted(gone)]
    chosen = source_file.select(found, moment.request.patterns, moment.sources)
    chosen = [table for table in chosen if not moment.request.only or table.label in moment.request.only]
    left: dict[str, list[str]] = {}
    for table in chosen:
        if why := _left_out(moment, table):
            left.setdefault(why, []).append(table.label)
    done.notes += [_listed(why, labels) for why, labels in left.items()]
    chosen = [table for table in chosen if table.label not in {label for labels in left.values() for label in labels}]
    if not chosen:
        raise SourceError("source", "holds no table that may be copied", "at least one", " ".join(done.notes))
    moment.sizes = _sizes(moment, chosen)
    for table in chosen:
        try:
            with _savepoint(moment.source):
                made = plan(moment, table, {item.name: item.table.label for item in done.plans})
            done.plans.append(made)
            done.notes += [f"{table.label}: {note}." for note in made.notes if made.first or made.moved]
        except ContractError as error:
            done.refused.append(RefusedTable(table.label, str(error), error.name, error.changes))
        except (ComportaError, ValueError) as error:
            done.refused.append(RefusedTable(table.label, str(error)))
        except psycopg2.Error as error:
            if moment.source.closed:
                raise
            failed = SourceError(table.label, reason(error), remedy=remedy(error.pgcode, "Nothing of it was written"))
            done.refused.append(RefusedTable(table.label, str(failed)))
    return done


def _left_out(moment: PlanContext, table: PostgresTable) -> str:
    """Why a table that nobody asked for is left out: it can't be read, or shows in another; "" if it is not, or bronze has it."""
    if moment.request.patterns or moment.request.only or table.label in moment.sources.tables:
        return ""
    why = ""
    if table.parents:
        why = f"copied with {', '.join(table.parents)}, from which it inherits"
    elif not (table.readable and table.populated):  # row security is a failure: whoever granted the table meant it to be read
        try:
            check_readable(table)
        except SourceError as error:
            why = error.seen
    return "" if table.label in moment.copied else why  # what bronze has, somebody counts on


def _listed(why: str, labels: list[str]) -> str:
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return f"{', '.join(labels[:5])}{more}: {why}. make discover lists what may be copied."


def _sizes(moment: PlanContext, tables: list[PostgresTable]) -> Sizes | None:
    """Sizes of all `tables`; none if this server does not tell them, None if one of them is locked."""
    try:
        with _savepoint(moment.source):
            return sizes(moment.source, tables)
    except psycopg2.Error as error:
        if moment.source.closed:
            raise
        return None if error.pgcode == LOCKED else {}  # then by what VACUUM noted: pieces may be uneven, and nothing is missed


@contextmanager
def _savepoint(source: Source) -> Iterator[None]:
    """A statement that fails must not end the transaction, whose snapshot the tasks are to join."""
    with source.cursor() as cursor:
        cursor.execute("savepoint one_table")
        try:
            yield
        except BaseException:
            if not source.closed:
                cursor.execute("rollback to savepoint one_table")
            raise
