"""Whether gold is what the sample shop's own database says, row by row."""

from contextlib import closing
from typing import Any

import psycopg2

from lakehouse.engines import catalog
from lakehouse.servers import postgres
from lakehouse.settings import Settings
from samples.shop.truth import TRUTH


def differs(settings: Settings) -> list[str]:
    """Reports of gold that are not what they must equal; one that has no rows counts as such."""
    wrong = []
    with closing(psycopg2.connect(postgres.of(settings).dsn("shop"))) as database, database.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
        for name, statement in TRUTH.items():
            cursor.execute(statement)
            columns = ", ".join(column.name for column in cursor.description or [])
            wanted = plain(cursor.fetchall())
            if not wanted or plain(catalog.thrift_rows(settings, f"select {columns} from gold.rpt_{name}")) != wanted:
                wrong.append(name)
    return wrong


def plain(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """Rows as text, in order: Thrift gives times with a zone, psycopg2 without."""
    return sorted(tuple(str(cell).removesuffix("+00:00") for cell in row) for row in rows)
