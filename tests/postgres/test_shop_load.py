"""Loading the sample shop into a real PostgreSQL: deterministic, consistent, all or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest

from samples.shop import load as loader
from samples.shop.load import IDENTITIES, TABLES, ShopExists, load
from samples.shop.truth import TRUTH

SCALE = 0.002
REFERENCE = datetime(2026, 6, 30, tzinfo=UTC)


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    """All rows of one query, on a connection of its own."""
    conn = psycopg2.connect(dsn)
    try:
        with conn, conn.cursor() as cursor:
            cursor.execute("set timezone = 'UTC'")
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []
    finally:
        conn.close()


def digests(dsn: str) -> dict[str, str]:
    """The md5 of each table's rows as text, in order."""
    return {table: rows(dsn, f"select md5(string_agg(t::text, chr(10) order by t::text)) from {table} t")[0][0] for table in TABLES}


def schema_of(dsn: str) -> list[tuple[Any, ...]]:
    """Every constraint and index of the shop, by name and definition."""
    return rows(
        dsn,
        """
        select conname, pg_get_constraintdef(oid), convalidated from pg_constraint
        where connamespace = 'public'::regnamespace
        union all select indexname, indexdef, true from pg_indexes where schemaname = 'public' order by 1, 2""",
    )


@contextmanager
def unchanged(dsn: str) -> Iterator[None]:
    """The shop holds the same rows after the block as before it."""
    before = digests(dsn)
    yield
    assert digests(dsn) == before


def test_two_loads_are_equal_and_counted(fresh_database: str) -> None:
    reported: dict[str, int] = dict.fromkeys(TABLES, 0)

    def report(table: str, count: int) -> None:
        reported[table] += count

    counts = load(fresh_database, SCALE, reference=REFERENCE, report=report)
    assert counts == reported == {table: rows(fresh_database, f"select count(*) from {table}")[0][0] for table in TABLES}
    assert (counts["customers"], counts["orders"], counts["products"]) == (200, 2000, 60)
    with unchanged(fresh_database):
        load(fresh_database, SCALE, reference=REFERENCE, replace=True)


def test_the_schema_is_the_files(fresh_database: str) -> None:
    rows(fresh_database, loader._SCHEMA.read_text(encoding="utf-8"))
    expected = schema_of(fresh_database)
    rows(fresh_database, f"drop table {', '.join(TABLES)}; drop type order_status, payment_method; drop domain email_address")
    load(fresh_database, SCALE)
    assert schema_of(fresh_database) == expected


def test_a_second_load_is_refused_and_changes_nothing(fresh_database: str) -> None:
    load(fresh_database, SCALE)
    with unchanged(fresh_database), pytest.raises(ShopExists, match="replace=True"):
        load(fresh_database, SCALE, seed=8)


@pytest.mark.parametrize("statement", ["create table orders (mine int)", "create type order_status as enum ('mine')"])
def test_things_of_others_are_never_replaced(fresh_database: str, statement: str) -> None:
    rows(fresh_database, statement)
    with pytest.raises(ShopExists) as caught:
        load(fresh_database, SCALE, replace=True)
    assert "\n" not in str(caught.value)


def test_a_view_over_the_shop_stops_its_replacement(fresh_database: str) -> None:
    load(fresh_database, SCALE)
    rows(fresh_database, "create view mine as select order_id from orders")
    with unchanged(fresh_database), pytest.raises(ShopExists, match="something else uses it"):
        load(fresh_database, SCALE, replace=True)


def test_a_failure_half_way_leaves_nothing(fresh_database: str) -> None:
    def fail(table: str, count: int) -> None:
        if table == "payments":
            raise RuntimeError("the disk is on fire")

    with pytest.raises(RuntimeError, match="on fire"):
        load(fresh_database, SCALE, report=fail)
    assert rows(fresh_database, "select 1 from pg_tables where schemaname = 'public'") == []


def test_the_content_hangs_together(fresh_database: str) -> None:
    load(fresh_database, SCALE, reference=REFERENCE)
    impossible = {
        "status and paid_at": "select 1 from orders where (status = 'placed' and paid_at is not null) "
        "or (status in ('paid', 'shipped', 'delivered', 'returned') and paid_at is null)",
        "paid before placed": "select 1 from orders where paid_at < placed_at or updated_at < placed_at",
        "paid amounts": "select 1 from orders o where paid_at is not null and "
        "(select sum(line_total) from order_lines l where l.order_id = o.order_id) + shipping_cost "
        "<> (select sum(amount) from payments p where p.order_id = o.order_id)",
        "delivered without a shipment": "select 1 from orders o where status in ('delivered', 'returned') and not "
        "exists (select from shipments s where s.order_id = o.order_id "
        "and delivered_at > shipped_at)",
        "customer born after the order": "select 1 from orders join customers using (customer_id) where placed_at < created_at",
        "after the reference": "select 1 from (select max(updated_at) as last from orders union all "
        "select max(updated_at) from customers union all select max(moved_at) "
        "from stock_movements) t where last >= '2026-06-30 00:00+00'",
    }
    assert {name: len(rows(fresh_database, query)) for name, query in impossible.items()} == dict.fromkeys(impossible, 0)


def test_the_content_has_what_makes_copying_hard(fresh_database: str) -> None:
    load(fresh_database, 0.01, reference=REFERENCE)
    wanted = {
        "line breaks": "select 1 from orders where note like E'%\\n%'",
        "backslashes": "select 1 from reviews where body like '%\\\\%'",
        "text that says NULL": "select 1 from reviews where body in ('NULL', E'\\\\N')",
        "null elements": "select 1 from customers where array_position(tags, null) is not null",
        "empty arrays": "select 1 from customers where tags = '{}'",
        "soft-deleted": "select 1 from customers where deleted_at is not null",
        "every status": "select 1 from orders having count(distinct status) = 6",
        "split payments": "select order_id from payments group by 1 having count(*) = 2",
    }
    assert [name for name, query in wanted.items() if not rows(fresh_database, query)] == []


def test_identities_continue_after_the_largest(fresh_database: str) -> None:
    load(fresh_database, SCALE)
    for table, column in IDENTITIES.items():
        query = f"select nextval(pg_get_serial_sequence('{table}', '{column}')) - max({column}) from {table}"
        assert rows(fresh_database, query) == [(1,)]


def test_truth_is_unique_by_its_grain_and_adds_up(fresh_database: str) -> None:
    load(fresh_database, SCALE)
    result = {name: rows(fresh_database, query) for name, query in TRUTH.items()}
    keys = {"daily_sales": (0, 1), "customer_value": (0, 1), "category_revenue": (0, 2), "stock_on_hand": (0,)}
    for name, found in result.items():
        assert found and len({tuple(row[at] for at in keys[name]) for row in found}) == len(found)
    sold = rows(
        fresh_database,
        "select sum(line_total) from order_lines join orders using (order_id) where status not in ('cancelled', 'returned')",
    )
    assert sum(row[5] for row in result["category_revenue"]) == sold[0][0]
    assert len(result["stock_on_hand"]) == 60
