"""A played day changes the shop in every way a copy must follow, and says truthfully what it did."""

from typing import Any

import psycopg2
import pytest

from samples.shop.load import TABLES, load
from samples.shop.traffic import open_late, play_day

SCALE = 0.002
KEYS = {
    "customers": "customer_id",
    "categories": "category_id",
    "products": "product_id",
    "orders": "order_id",
    "order_lines": "order_id || '/' || line_number",
    "payments": "payment_id",
    "shipments": "shipment_id",
    "reviews": "review_id",
    "stock_movements": "movement_id",
}
Snapshot = dict[str, dict[str, dict[str, Any]]]


def snapshot(dsn: str) -> Snapshot:
    """Every row of every table, as {table: {key: row}}."""
    conn = psycopg2.connect(dsn)
    try:
        with conn, conn.cursor() as cursor:
            cursor.execute("set timezone = 'UTC'")
            found: Snapshot = {}
            for table in TABLES:
                cursor.execute(f"select ({KEYS[table]})::text, to_jsonb(t) from {table} t")
                found[table] = dict(cursor.fetchall())
            return found
    finally:
        conn.close()


def changed(before: Snapshot, after: Snapshot, table: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The rows of a table that are in both and differ: old and new."""
    return [(row, after[table][key]) for key, row in before[table].items() if key in after[table] and after[table][key] != row]


def test_the_counts_explain_the_difference(fresh_database: str) -> None:
    load(fresh_database, SCALE)
    before = snapshot(fresh_database)
    counts = play_day(fresh_database, 1)
    after = snapshot(fresh_database)
    for table in TABLES:
        assert len(after[table]) - len(before[table]) == counts[table]["inserted"] - counts[table]["deleted"], table
        assert len(changed(before, after, table)) <= counts[table]["updated"]


def test_a_day_has_every_kind_of_change(fresh_database: str) -> None:
    load(fresh_database, SCALE)
    play_day(fresh_database, 1, orders=60)  # leaves orders in every early status
    before = snapshot(fresh_database)
    counts = play_day(fresh_database, 2, orders=60)
    after = snapshot(fresh_database)
    assert all(counts[table]["inserted"] for table in TABLES if table not in ("categories", "products"))
    assert all(counts[table]["deleted"] for table in ("customers", "orders", "order_lines", "reviews", "stock_movements"))
    orders, products = (changed(before, after, table) for table in ("orders", "products"))
    steps = {(old["status"], new["status"]) for old, new in orders if old["status"] != new["status"]}
    assert steps >= {("placed", "paid"), ("paid", "shipped"), ("shipped", "delivered"), ("delivered", "returned")}
    assert steps <= {
        ("placed", "paid"),
        ("paid", "shipped"),
        ("shipped", "delivered"),
        ("delivered", "returned"),
        ("placed", "cancelled"),
        ("paid", "cancelled"),
    }
    assert any(old["updated_at"] == new["updated_at"] for old, new in orders), "the careless update"
    assert any(old["customer_id"] != new["customer_id"] for old, new in orders), "the merged customer"
    assert any(old["list_price"] != new["list_price"] for old, new in products)
    assert any(old["attributes"] != new["attributes"] for old, new in products)
    assert any(old["image_urls"] != new["image_urls"] for old, new in products)
    for table in ("customers", "products", "reviews"):
        assert any(new["deleted_at"] and not old["deleted_at"] for old, new in changed(before, after, table)), table


def test_an_order_changes_its_key_and_takes_its_lines_along(fresh_database: str) -> None:
    load(fresh_database, SCALE)
    before = snapshot(fresh_database)
    play_day(fresh_database, 1)
    after = snapshot(fresh_database)
    new = {row["placed_at"]: key for key, row in after["orders"].items() if key not in before["orders"]}
    moved = {
        key: new[row["placed_at"]]
        for key, row in before["orders"].items()
        if key not in after["orders"] and row["placed_at"] in new
    }
    assert moved
    for old_key, new_key in moved.items():
        totals = [
            sorted(row["line_total"] for row in rows["order_lines"].values() if str(row["order_id"]) == key)
            for rows, key in ((before, old_key), (after, new_key))
        ]
        assert totals[0] == totals[1] != []


def test_the_same_days_on_the_same_shop_end_equal(fresh_database: str) -> None:
    ends = []
    for _ in range(2):
        load(fresh_database, SCALE, replace=True)
        ends.append(([play_day(fresh_database, day) for day in (1, 2)], snapshot(fresh_database)))
    assert ends[0] == ends[1]


def test_many_days_in_a_row(fresh_database: str) -> None:
    load(fresh_database, SCALE)
    for day in range(1, 21):
        assert play_day(fresh_database, day)["orders"]["inserted"] > 0


def test_a_late_transaction_appears_behind_the_days_changes(fresh_database: str) -> None:
    load(fresh_database, SCALE)
    before = snapshot(fresh_database)["orders"]
    late = open_late(fresh_database, 1)
    play_day(fresh_database, 1)
    day = snapshot(fresh_database)["orders"]
    late.commit()
    after = snapshot(fresh_database)["orders"]
    appeared = [row for key, row in after.items() if day.get(key) != row]
    assert len(appeared) == late.tally.counts["orders"]["inserted"] + late.tally.counts["orders"]["updated"] >= 2
    seen = max(row["updated_at"] for key, row in day.items() if before.get(key) != row)
    assert all(row["updated_at"] < seen for row in appeared)


def test_a_late_transaction_rolls_back(fresh_database: str) -> None:
    load(fresh_database, SCALE)
    before = snapshot(fresh_database)
    open_late(fresh_database, 1).rollback()
    with pytest.raises(RuntimeError), open_late(fresh_database, 1):
        raise RuntimeError("the caller gave up")
    assert snapshot(fresh_database) == before


@pytest.mark.parametrize(("day", "orders"), [(0, None), (1, 0)])
def test_bad_arguments_are_refused(fresh_database: str, day: int, orders: int | None) -> None:
    load(fresh_database, SCALE)
    with pytest.raises(ValueError, match="days count from 1|at least 1"):
        play_day(fresh_database, day, orders=orders)


def test_a_database_without_a_shop_is_refused(fresh_database: str) -> None:
    with pytest.raises(ValueError, match="load it first"):
        play_day(fresh_database, 1)
