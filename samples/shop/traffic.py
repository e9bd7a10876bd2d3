"""Plays a business day on the sample shop: every kind of change that a copy of the database must follow."""

from collections.abc import Callable

import numpy as np
from psycopg2.extensions import cursor as Cursor

from samples.shop import changes, people
from samples.shop.catalogue import Goods, stock_movements
from samples.shop.copytext import Chunk, Ints
from samples.shop.day import Day, Tally, new_ids, open_day
from samples.shop.generate import micros, reviews, times_of_day
from samples.shop.late import LateTransaction, open_late
from samples.shop.load import copy, transaction
from samples.shop.people import DAY, Buyers
from samples.shop.sales import sales
from samples.shop.vocabulary import COUNTRIES

__all__ = ["LateTransaction", "open_late", "play_day"]


def play_day(dsn: str, day: int, seed: int = 7, orders: int | None = None) -> dict[str, dict[str, int]]:
    """Play day `day` (from 1: the shop's reference date), in several transactions, the last one begun first.

    `orders` is the number of new orders, by default 0.5 % of all; the other changes follow it. The result is fixed
    by the database's state, the day and the seed; days should be played once each, in ascending order.
    Returns rows inserted, updated and deleted per table, cascades included. Raises ValueError without a loaded shop
    or for a day before 1, and psycopg2.Error.
    """
    tally = Tally()
    with transaction(dsn) as cursor:
        today = open_day(cursor, day, seed, orders)
    steps: tuple[Callable[[Cursor, Day, Tally], None], ...] = (
        arrivals,
        changes.progress,
        changes.catalogue,
        changes.profiles,
        changes.removals,
        changes.keys,
        changes.careless,
    )
    with open_late(dsn, day, seed, today.orders, lane=1) as late:
        for step in steps:
            with transaction(dsn) as cursor:
                step(cursor, today, tally)
    tally.merge(late.tally)
    return tally.counts


def arrivals(cursor: Cursor, day: Day, tally: Tally) -> None:
    """New customers, orders with all that belongs to them, reviews and stock movements."""
    start = micros(day.start)
    fresh = _new_customers(cursor, day, tally, start)
    buyers, goods = _buyers(cursor), _goods(cursor)
    for table, column, per_order, stream in (
        ("orders", "order_id", 1.0, 2),
        ("reviews", "review_id", 0.2, 3),
        ("stock_movements", "movement_id", 0.5, 4),
    ):
        keys = np.array(new_ids(cursor, table, column, day.some(per_order)), np.int64)
        rng = day.rng(stream, fresh)
        times = times_of_day(rng, np.zeros(len(keys), np.int64), start)
        if table == "orders":
            _new_orders(cursor, day, tally=tally, rng=rng, keys=keys, times=times, buyers=buyers, goods=goods)
        elif table == "reviews":
            _insert(cursor, tally, reviews(rng, keys, created=times, buyers=buyers, goods=goods, end=start + DAY))
        else:
            _insert(cursor, tally, stock_movements(rng, keys, goods, times))


def _new_customers(cursor: Cursor, day: Day, tally: Tally, start: int) -> int:
    """Returns the first new id, which stands for the database's state."""
    keys = np.array(new_ids(cursor, "customers", "customer_id", day.some(0.125)), np.int64)
    rng = day.rng(1, int(keys[0]))
    country = rng.integers(0, len(COUNTRIES), len(keys))
    buyers = Buyers(keys, country, times_of_day(rng, np.zeros(len(keys), np.int64), start))
    _insert(cursor, tally, people.customers(rng, buyers, start + DAY))
    return int(keys[0])


def _new_orders(
    cursor: Cursor, day: Day, tally: Tally, rng: np.random.Generator, keys: Ints, times: Ints, buyers: Buyers, goods: Goods
) -> None:
    # At most two shipments an order: ids that stay unused leave gaps, as sequences do.
    first = new_ids(cursor, "shipments", "shipment_id", 2 * len(keys))[0]
    for chunk in sales(
        rng, keys, placed=times, buyers=buyers, goods=goods, horizon=micros(day.start) + DAY - 1, first_shipment=first
    ):
        _insert(cursor, tally, chunk)


def _insert(cursor: Cursor, tally: Tally, chunk: Chunk) -> None:
    copy(cursor, chunk)
    tally.add(chunk.table, "inserted", chunk.rows)


def _buyers(cursor: Cursor) -> Buyers:
    """The customers who may order: soft-deleted ones may not."""
    cursor.execute(
        "select customer_id, country_code, (extract(epoch from created_at) * 1000000)::bigint "
        "from customers where deleted_at is null order by created_at, customer_id"
    )
    rows = cursor.fetchall()
    position = {country.code: index for index, country in enumerate(COUNTRIES)}
    return Buyers(_column([row[0] for row in rows]), _column([position[row[1]] for row in rows]), _column([row[2] for row in rows]))


def _goods(cursor: Cursor) -> Goods:
    """The products on sale, at today's prices."""
    cursor.execute(
        "select product_id, (extract(epoch from created_at) * 1000000)::bigint, (list_price * 100)::bigint, "
        "(coalesce(weight_kg, 0.5) * 1000)::bigint from products where deleted_at is null "
        "order by created_at, product_id"
    )
    columns = zip(*cursor.fetchall(), strict=True)
    return Goods(*(_column(list(column)) for column in columns))


def _column(values: list[int]) -> Ints:
    return np.array(values, np.int64)
