"""Creates the sample shop in a database and fills it: all of it in one transaction, or nothing."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from samples.shop.copytext import Chunk
from samples.shop.generate import REFERENCE_DATE, ShopPlan, generate

TABLES = ("customers", "categories", "products", "orders", "order_lines", "payments", "shipments", "reviews", "stock_movements")
IDENTITIES = {
    "customers": "customer_id",
    "products": "product_id",
    "orders": "order_id",
    "shipments": "shipment_id",
    "reviews": "review_id",
    "stock_movements": "movement_id",
}
MARK = "Comporta sample shop"  # the comment on each table that says whose it is, followed by the plan
_SCHEMA = Path(__file__).with_name("schema.sql")
_AHEAD = 3  # chunks made while PostgreSQL takes the one before: bounds the memory


class ShopExists(ValueError):
    """The database already has tables or types with the shop's names; nothing was changed."""


def load(
    dsn: str,
    scale: float,
    seed: int = 7,
    reference: datetime = REFERENCE_DATE,
    report: Callable[[str, int], None] | None = None,
    *,
    replace: bool = False,
) -> dict[str, int]:
    """Create and fill the shop in schema `public`; returns rows per table.

    `report(table, rows)` is called after each chunk with the rows it brought. `replace` drops an earlier sample
    shop, and only that. Raises ShopExists, ValueError (a bad scale or reference) and psycopg2.Error.
    """
    plan = ShopPlan(scale, seed, reference)
    counts = dict.fromkeys(TABLES, 0)
    with transaction(dsn) as cursor:
        _make_room(cursor, replace)
        _create(cursor, plan)
        with _loading(cursor), _ahead(plan) as chunks:
            for chunk in chunks:
                copy(cursor, chunk)
                counts[chunk.table] += chunk.rows
                if report:
                    report(chunk.table, chunk.rows)
        set_identities(cursor)
        cursor.execute("analyze " + ", ".join(TABLES))
    return counts


@contextmanager
def transaction(dsn: str) -> Iterator[Cursor]:
    """One transaction on a connection of its own: committed on a normal end, rolled back on an exception."""
    conn: Connection = psycopg2.connect(dsn)
    try:
        with conn, conn.cursor() as cursor:
            prepare(cursor)
            yield cursor
    finally:
        conn.close()


def prepare(cursor: Cursor) -> None:
    """Settings for this transaction: where the shop is, what text means, and no endless wait for a lock."""
    cursor.execute(
        "set local search_path = public; set local timezone = 'UTC'; set local client_encoding = 'UTF8';"
        "set local standard_conforming_strings = on; set local lock_timeout = '30s'"
    )


def copy(cursor: Cursor, chunk: Chunk) -> None:
    """Send one chunk to its table."""
    cursor.copy_expert(f"copy {chunk.table} ({', '.join(chunk.columns)}) from stdin", io.BytesIO(chunk.payload))


def set_identities(cursor: Cursor) -> None:
    """Let every identity column continue after its largest value."""
    for table, column in IDENTITIES.items():
        cursor.execute(f"select setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) from {table}")


def _make_room(cursor: Cursor, replace: bool) -> None:
    cursor.execute(
        "select c.relname, obj_description(c.oid, 'pg_class') from pg_class c "
        "where c.relnamespace = 'public'::regnamespace and c.relname = any(%s)",
        (list(TABLES),),
    )
    found: dict[str, str | None] = dict(cursor.fetchall())
    foreign = sorted(name for name, comment in found.items() if not (comment or "").startswith(MARK))
    if foreign:
        raise ShopExists(f"table public.{foreign[0]} exists and is not the sample shop's: choose another database")
    if found and not replace:
        raise ShopExists("the sample shop is already in this database: pass replace=True to build it again")
    if found:
        _drop(cursor)


def _drop(cursor: Cursor) -> None:
    try:
        cursor.execute(f"drop table {', '.join(TABLES)}")
        cursor.execute("drop type if exists order_status, payment_method; drop domain if exists email_address")
    except errors.DependentObjectsStillExist as error:
        raise ShopExists(f"cannot replace the sample shop, something else uses it: {_first_line(error)}") from error


def _create(cursor: Cursor, plan: ShopPlan) -> None:
    try:
        cursor.execute(_SCHEMA.read_text(encoding="utf-8"))
    except (errors.DuplicateObject, errors.DuplicateTable) as error:
        raise ShopExists(f"something in this database has a name of the sample shop: {_first_line(error)}") from error
    note = f"{MARK}; scale={plan.scale} seed={plan.seed} reference={plan.reference.isoformat()}"
    for table in TABLES:
        cursor.execute(f"comment on table {table} is %s", (note,))


def _first_line(error: psycopg2.Error) -> str:
    return (error.diag.message_primary or str(error)).splitlines()[0]


@contextmanager
def _loading(cursor: Cursor) -> Iterator[None]:
    """Foreign keys and secondary indexes are taken off and put back after: checking all rows at once is faster.

    They come back under their names and definitions, so the schema ends as the file says.
    """
    cursor.execute(
        "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint "
        "where contype = 'f' and conrelid = any(%s::regclass[]) order by 1, 2",
        (list(TABLES),),
    )
    keys: list[tuple[str, str, str]] = cursor.fetchall()
    cursor.execute(
        "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index i where not exists "
        "(select from pg_constraint where conindid = i.indexrelid) and indrelid = any(%s::regclass[]) "
        "order by 1",
        (list(TABLES),),
    )
    indexes: list[tuple[str, str]] = cursor.fetchall()
    for table, name, _ in keys:
        cursor.execute(f"alter table {table} drop constraint {name}")
    for index, _ in indexes:
        cursor.execute(f"drop index {index}")
    yield
    cursor.execute("set local maintenance_work_mem = '256MB'")
    for _, definition in indexes:
        cursor.execute(definition)
    for table, name, definition in keys:
        cursor.execute(f"alter table {table} add constraint {name} {definition}")


@contextmanager
def _ahead(plan: ShopPlan) -> Iterator[Iterator[Chunk]]:
    """The plan's chunks, generated in a thread while the database is busy with earlier ones."""
    queue: Queue[Chunk | BaseException | None] = Queue(_AHEAD)
    stop = Event()

    def put(item: Chunk | BaseException | None) -> None:
        while not stop.is_set():
            try:
                queue.put(item, timeout=0.5)
                break
            except Full:
                continue

    def produce() -> None:
        try:
            for chunk in generate(plan):
                put(chunk)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:  # raised again in the thread that loads
            put(error)

    def consume() -> Iterator[Chunk]:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    thread = Thread(target=produce, name="shop-generator", daemon=True)
    thread.start()
    try:
        yield consume()
    finally:
        stop.set()
        thread.join()
