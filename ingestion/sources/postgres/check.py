"""What stands in the way of copying a table, and what of the way it is copied may surprise."""

from collections.abc import Sequence

from psycopg2 import Error as DatabaseError
from psycopg2.extensions import connection as Connection

from ingestion.sources.postgres.connect import with_path
from ingestion.sources.postgres.discover import PostgresTable, Sizes, sizes
from ingestion.sources.postgres.entry import Entry
from ingestion.sources.postgres.refusal import LOCKED
from lakehouse.engines.standard import quote
from lakehouse.errors import SourceError


def check_readable(table: PostgresTable) -> None:
    """Whether this user may read its rows, all of them.

    Raises:
        SourceError: says what is in the way.
    """
    if not table.readable:
        grants = f"grant usage on schema {quote(table.schema)} to …; grant select on {quote(table.schema, table.name)} to …"
        remedy = f"Grant it: {grants} (ingestion/sources/postgres/role.sql grants all)"
        raise SourceError(table.label, "may not be read by this user", "SELECT", remedy)
    if table.secured and (table.kind != "p" or table.parts != table.leaves):
        seen = "row-level security would keep rows from this user"
        raise SourceError(
            table.label,
            seen,
            "a role that sees all rows",
            "Run alter role … bypassrls at the source, or set enabled: false in sources.yml",
        )
    if not table.populated:
        remedy = f"Run refresh materialized view {table.sql} at the source"
        raise SourceError(table.label, "is a materialised view that was never filled", remedy=remedy)


def check_zone(source: Connection, zone: str) -> None:
    """Whether the source knows the time zone.

    Raises:
        psycopg2.Error: it does not.
    """
    with source.cursor() as cursor:
        cursor.execute("select now() at time zone %s", (zone,))


def measure(source: Connection, table: PostgresTable, known: Sizes | None) -> PostgresTable:
    """`table` with its sizes: `known`, or asked for by itself where one of all tables could not be told.

    Raises:
        SourceError: another session has locked it; says who.
    """
    if known is not None:
        return table.sized(known)
    try:
        return table.sized(sizes(source, [table]))
    except DatabaseError as error:
        if error.pgcode != LOCKED:
            raise
    with source.cursor() as cursor:
        cursor.execute("rollback to savepoint one_table")
        cursor.execute(_HOLDER, ([leaf.oid for leaf in table.leaves],))
        holder = " by pid {} of {}".format(*found) if (found := cursor.fetchone()) else ""
    raise SourceError(table.label, f"is locked{holder}", remedy="The others go on; run again when that is done")


_HOLDER = """
select l.pid, coalesce(a.usename, '?') from pg_locks l left join pg_stat_activity a on a.pid = l.pid
where l.relation = any (%s::oid[]) and l.mode = 'AccessExclusiveLock' order by l.granted desc limit 1
"""


def check_key(source: Connection, table: PostgresTable, key: Sequence[str], path: str) -> None:
    """A key that no index of the source's keeps unique is looked at when the table is read whole: rows that share it would be one.

    Args:
        path: statement under which a view is read; "" for others.

    Raises:
        SourceError: two rows share it.
    """
    keys = ", ".join(quote(column) for column in key)
    with source.cursor() as cursor:
        if path:
            cursor.execute(path)
        cursor.execute(f"select {keys} from {table.sql} group by {keys} having count(*) > 1 limit 1")
        found = cursor.fetchone()
        cursor.execute(with_path(""))
    if found:
        where = " over its children" if table.inherited else ""
        seen = f"key ({', '.join(key)}) is not unique{where}: ({', '.join(map(str, found))}) stands there more than once"
        raise SourceError(
            table.label, seen, "a key that names one row", "Set another key, or mode: full without one, in sources.yml"
        )


def remarks(table: PostgresTable, entry: Entry, cursor: str | None) -> list[str]:
    """What of the way it is copied may surprise."""
    notes = []
    if table.hidden:
        notes.append(
            f"without {', '.join(table.hidden)}, which this user may not read; copied whole, since xmin is not granted either"
        )
    if table.inherited and not entry.key:
        notes.append(
            "copied whole with its children, in each of which a key holds alone; set key in sources.yml if it holds for all"
        )
    if cursor not in (None, "xmin") and cursor not in table.indexed:
        notes.append(f"no index begins with {cursor}: every run looks through the whole table")
    return notes
