"""What bronze holds, for comparison with the source."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import duckdb
import psycopg2

from ingestion.bronze.table import Bronze
from lakehouse.settings import Settings
from lakehouse.store import storage


def execute(dsn: str, *statements: str) -> None:
    """Run statements, each committed."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def query(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    """Rows of a statement."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def files(settings: Settings, table: str) -> list[str]:
    """Parquet files of the bronze table's current version."""
    found = Bronze(storage.join(settings.lake_url, "bronze", f"{settings.source_name}__{table}"), {})
    assert found.table is not None, f"{table} is not in bronze"
    return [storage.join(found.url, path) for path in found.files()]


def bronze(settings: Settings, table: str, select: str, tail: str = "") -> list[tuple[Any, ...]]:
    """`select … from` the bronze table `tail`."""
    found = files(settings, table)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        source = f"read_parquet({found}, union_by_name = true)" if found else "(select 1 where false)"
        return connection.execute(f"select {select} from {source} {tail}").fetchall()


def latest(settings: Settings, table: str, key: Sequence[str], select: str) -> list[tuple[Any, ...]]:
    """Current rows: the latest by key, without those that are gone."""
    columns = ", ".join(key)
    return bronze(
        settings,
        table,
        f"{select}",
        f"qualify row_number() over (partition by {columns} order by _batch_id desc, _op = 'd') = 1 and _op <> 'd' order by {columns}",
    )
