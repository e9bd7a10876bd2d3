"""Key comparisons of large tables, in ranges: memory stays bounded, and lanes share the work."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg2
from psycopg2.extensions import connection as Connection

from ingestion.sources.postgres.compare import counting, few
from ingestion.sources.postgres.discover import PostgresTable
from ingestion.sources.postgres.work import CompareTask


def in_order(whole: CompareTask) -> bool:
    """Whether PostgreSQL and DuckDB sort the key's first column alike, whatever the collation."""
    return whole.mapped[0].column.type_name in ("int2", "int4", "int8")


def probe(source: Connection, table: PostgresTable, changed: str, taken: str = "true") -> tuple[int, int, int]:
    """Rows of the table, those of them that are `changed`, and those of these that are not `taken`."""
    live = fresh = unmarked = 0  # of a partitioned table without a partition
    with source.cursor() as cursor:
        for relations in few([leaf.sql for leaf in table.parts]):
            cursor.execute("savepoint few")
            cursor.execute(counting(relations, changed, taken))
            found = cursor.fetchone() or (0, 0, 0)
            cursor.execute("rollback to savepoint few")
            live, fresh, unmarked = live + found[0], fresh + found[1], unmarked + found[2]
    return live, fresh, unmarked


def pieces(whole: CompareTask, source: Connection, table: PostgresTable, count: int) -> Iterator[CompareTask]:
    """`whole` in about `count` ranges of the key's first column, which meet without gap or overlap."""
    bounds = _bounds(source, table, whole.mapped[0].column.name, count)
    edges = [None, *bounds, None]
    for low, high in zip(edges, edges[1:], strict=False):
        sides = [f"{{0}} >= {low}"] * (low is not None) + [f"{{0}} < {high}"] * (high is not None)
        yield replace(whole, within=" and ".join(sides) or "true", pages=whole.pages // (len(bounds) + 1))


def _bounds(source: Connection, table: PostgresTable, column: str, count: int) -> list[int]:
    """Keys that split the table into about equal `count` pieces, from the statistics that ANALYZE left; none without them."""
    with source.cursor() as cursor:
        cursor.execute("savepoint bounds")
        try:
            cursor.execute(
                "select histogram_bounds::text::bigint[] from pg_stats where schemaname = %s and tablename = %s and attname = %s "
                "order by inherited desc limit 1",
                (table.schema, table.name, column),
            )
            found = (cursor.fetchone() or (None,))[0] or []
        except psycopg2.Error:  # statistics that may not be seen are none
            if source.closed:
                raise
            cursor.execute("rollback to savepoint bounds")
            found = []
    return sorted({found[len(found) * number // count] for number in range(1, count)}) if found else []
