"""The two sides of a reconciliation: rows digested where they lie, in PostgreSQL and in bronze's files."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import duckdb
import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection

from ingestion.bronze.held import duckdb_types
from ingestion.sources.base import RowDigest, Sums
from ingestion.sources.postgres import digest
from ingestion.sources.postgres import entry as source_file
from ingestion.sources.postgres.connect import session
from ingestion.sources.postgres.ranges import RANGE_PAGES, range_condition, ranges
from ingestion.sources.postgres.snapshot import Origin
from ingestion.sources.postgres.table_plan import PostgresPlan
from ingestion.sources.postgres.window import both, written_since
from lakehouse import access
from lakehouse.engines import duck
from lakehouse.engines.standard import literal, quote
from lakehouse.settings import Settings
from lakehouse.store import storage


class SourceSide:
    """The table in PostgreSQL, in the exported snapshot, read in ranges by SOURCE_CONNECTIONS connections; by one if none can join."""

    def __init__(self, settings: Settings, origin: Origin, plan: PostgresPlan) -> None:
        self._origin, self._plan = origin, plan
        self._key = [item for column in plan.key for item in plan.mapped if item.column.name == column]
        self._text = digest.in_source(plan.mapped)
        self._key_text = digest.key_in_source(self._key) if self._key else self._text
        self._pool = ThreadPoolExecutor(settings.source_connections if origin.snapshot else 1)

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def sums(self) -> Sums:
        """Rows and checksum of each bucket."""
        found: Sums = {}
        bucket = digest.source_bucket(self._key_text)
        select = f"select {bucket}, count(*), sum({digest.source_number(self._text)})"
        for number, rows, total in self._run(select, "true", "group by 1"):
            before = found.get(number, (0, 0))
            found[number] = (before[0] + rows, before[1] + int(total))
        return found

    def rows(self, buckets: list[int]) -> dict[str, RowDigest]:
        """Rows of some buckets, by the text of their keys."""
        shown = ", ".join(f"{quote(item.column.name)}::text" for item in self._key)
        parts = self._plan.table.parts
        where = "'at ctid ' || ctid::text" if parts and all(leaf.has_ctid for leaf in parts) else "'a row'"
        label = f"array_to_string(array[{shown}], ', ')" if self._key else where
        seen = self._plan.seen
        pending = written_since(seen) if seen and self._plan.table.has_xmin else "false"
        select = f"select {self._key_text}, {digest.source_number(self._text)}, {label}, {pending}"
        return _counted(self._run(select, f"{digest.source_bucket(self._key_text)} = any (array{buckets})"))

    def fields(self, keys: list[str]) -> dict[str, list[str]]:
        """What each column of some rows digests to."""
        one = [digest.source_md5(digest.in_source([item])) for item in self._plan.mapped]
        chosen = f"{self._key_text} in ({', '.join(map(literal, keys))})"
        return {row[0]: row[1] for row in self._run(f"select {self._key_text}, array[{', '.join(one)}]", chosen)}

    def names(self) -> list[str]:
        """The columns of `fields`."""
        return [item.column.name for item in self._plan.mapped]

    def _run(self, select: str, where: str, tail: str = "") -> Iterable[tuple[Any, ...]]:
        table = self._plan.table
        gone = source_file.gone(table, self._plan.entry)
        alive = f"not coalesce({gone}, false)" if gone else ""
        statements = []
        for leaf in table.parts:
            for first, end in ranges(leaf.pages, RANGE_PAGES) if leaf.has_ctid else [(0, None)]:
                statements.append(f"{select} from {leaf.sql} where {both(range_condition(first, end), alive, where)} {tail}")
        if table.kind in "vf":
            statements.append(f"{select} from {table.sql} where {both(alive, where)} {tail}")
        for found in self._pool.map(self._fetch, statements):
            yield from found

    def _fetch(self, statement: str) -> list[tuple[Any, ...]]:
        origin = self._origin
        if origin.snapshot is None:
            return self._ask(origin.source, statement)
        with closing(psycopg2.connect(origin.dsn)) as source:
            source.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
            with source.cursor() as cursor:
                cursor.execute("set transaction snapshot %s", (origin.snapshot,))
                cursor.execute("; ".join(session(origin.source.server_version, origin.source.timeout)))
            return self._ask(source, statement)

    def _ask(self, source: Connection, statement: str) -> list[tuple[Any, ...]]:
        with source.cursor() as cursor:
            cursor.execute("savepoint one_table")
            try:
                if self._plan.path:
                    cursor.execute(self._plan.path)
                cursor.execute(statement)
                return cursor.fetchall()
            finally:
                if not source.closed:
                    cursor.execute("rollback to savepoint one_table")


class BronzeSide:
    """The latest row of each key in bronze's files; of a table without a key, the rows of its last batch."""

    def __init__(self, settings: Settings, plan: PostgresPlan) -> None:
        self._plan = plan
        # Not /tmp, which in a container is memory, and little of it.
        scratch = str(access.scratch(settings.var_dir))
        config: duck.Options = {"memory_limit": "2GB", "temp_directory": scratch, "preserve_insertion_order": False}
        self.reader = duckdb.connect(config=config | duck.UNSIGNED)
        duck.reach(self.reader, settings)
        self.reader.execute("set timezone = 'UTC'")
        self._key = [item for column in plan.key for item in plan.mapped if item.column.name == column]
        self.held = self._open(settings)
        text = digest.in_bronze(plan.mapped, plan.names)
        key = digest.key_in_bronze(self._key, plan.names) if self._key else text
        shown = ", ".join(f"{quote(plan.names[item.column.name])}::varchar" for item in self._key)
        label = f"array_to_string([{shown}], ', ')" if self._key else "'a row'"
        every = f"select {key} as k, {text} as t, {label} as shown, _op, _batch_id from {self.held}"
        living = (
            f"select * from ({every}) qualify row_number() over (partition by k order by _batch_id desc, _op = 'd') = 1"
            if self._key
            else f"select * from ({every}) where _batch_id = (select max(_batch_id) from {self.held})"
        )
        self._living = f"(select * from ({living}) where _op <> 'd')"

    def close(self) -> None:
        """Frees what it read."""
        self.reader.close()

    def _open(self, settings: Settings) -> str:
        plan, columns = self._plan, [*self._plan.names.values(), "_op", "_batch_id", "_flags"]
        if not plan.bronze.files():
            types = duckdb_types(plan.wanted)
            nothing = ", ".join(f"null::{types[column]} as {quote(column)}" for column in columns)
            return f"(select {nothing} where false)"
        if duck.reads(settings):
            paths = [storage.join(plan.bronze.url, path) for path in plan.bronze.files()]
            return f"read_parquet([{', '.join(map(literal, paths))}], union_by_name = true)"
        assert plan.bronze.table is not None
        self.reader.register("held", plan.bronze.table.to_pyarrow_dataset())
        return "held"

    def sums(self) -> Sums:
        """Rows and checksum of each bucket."""
        select = (
            f"select {digest.bronze_bucket('k')} as b, count(*), sum({digest.bronze_number('t')}) from {self._living} group by b"
        )
        return {bucket: (rows, int(total)) for bucket, rows, total in self.reader.execute(select).fetchall()}

    def rows(self, buckets: list[int]) -> dict[str, RowDigest]:
        """Rows of some buckets, by the text of their keys."""
        where = f"{digest.bronze_bucket('k')} in ({', '.join(map(str, buckets))})"
        found = self.reader.execute(f"select k, {digest.bronze_number('t')}, shown, false from {self._living} where {where}")
        return _counted(found.fetchall())

    def fields(self, keys: list[str]) -> dict[str, list[str]]:
        """What each column of some rows digests to."""
        plan = self._plan
        one = ", ".join(f"md5({digest.in_bronze([item], plan.names)})" for item in plan.mapped)
        key = digest.key_in_bronze(self._key, plan.names)
        select = f"select {key} as k, [{one}], _op from {self.held} where k in (select unnest(?))"
        latest = " qualify row_number() over (partition by k order by _batch_id desc, _op = 'd') = 1"
        return {row[0]: row[1] for row in self.reader.execute(select + latest, [keys]).fetchall()}


def _counted(found: Iterable[tuple[Any, ...]]) -> dict[str, RowDigest]:
    result: dict[str, RowDigest] = {}
    for key, number, shown, pending in found:
        times = result[key].times + 1 if key in result else 1
        result[key] = RowDigest(number, times, shown, bool(pending))
    return result
