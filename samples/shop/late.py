"""A transaction that starts early and commits late: its rows appear with an updated_at that readers have passed."""

from types import TracebackType
from typing import Literal

import psycopg2
from psycopg2.extensions import cursor as Cursor

from samples.shop.day import Day, Tally, change, ids, open_day
from samples.shop.load import prepare


class LateTransaction:
    """An open transaction with rows stamped half an hour into its day, invisible until `commit`.

    Use it as a context (commits at a normal end, rolls back after an exception) or call commit or rollback.
    It touches only rows whose id ends in 3, which `play_day` leaves alone, so neither waits for the other.
    """

    def __init__(self, dsn: str, day: int, seed: int, orders: int | None, lane: int) -> None:
        self.tally = Tally()
        self._conn = psycopg2.connect(dsn)
        try:
            with self._conn.cursor() as cursor:
                prepare(cursor)
                _write(cursor, open_day(cursor, day, seed, orders), lane, self.tally)
        except BaseException:
            self._conn.close()
            raise

    def commit(self) -> None:
        """Make the rows visible; a second call does nothing."""
        if not self._conn.closed:
            self._conn.commit()
            self._conn.close()

    def rollback(self) -> None:
        """Drop the rows; a second call does nothing."""
        if not self._conn.closed:
            self._conn.rollback()
            self._conn.close()

    def __enter__(self) -> "LateTransaction":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if kind is None:
            self.commit()
        else:
            self.rollback()
        return False


def open_late(dsn: str, day: int, seed: int = 7, orders: int | None = None, *, lane: int = 0) -> LateTransaction:
    """Start a late transaction of `day` and write its rows; two open at once need different days or lanes (0 or 1).

    Raises ValueError as play_day does.
    """
    return LateTransaction(dsn=dsn, day=day, seed=seed, orders=orders, lane=lane)


def _write(cursor: Cursor, day: Day, lane: int, tally: Tally) -> None:
    """New orders with lines and payments, a stock movement each, and changes to old orders."""
    stamp = day.at(0.5 + lane / 60)
    params = day.params(
        stamp=stamp, count=day.some(0.01), lane=(2 * day.number + lane) % 16, key=f"late:{day.seed}:{day.number}:{lane}:"
    )
    params["orders"] = ids(
        cursor,
        """
        insert into orders (customer_id, status, shipping_cost, note, placed_at, paid_at, updated_at)
        select customer_id, 'paid', 4.95, 'a slow checkout', %(stamp)s, %(stamp)s, %(stamp)s from customers
        where customer_id %% 10 = %(digit)s order by md5(customer_id || %(key)s), customer_id limit %(count)s
        returning order_id""",
        params,
    )
    tally.add("orders", "inserted", cursor.rowcount)
    change(
        cursor,
        tally,
        kind="inserted",
        table="order_lines",
        statement="""
        insert into order_lines (order_id, line_number, product_id, quantity, unit_price, updated_at)
        select o.order_id, p.line_number, p.product_id, 1, p.list_price, %(stamp)s
        from unnest(%(orders)s::bigint[]) o (order_id) cross join
             (select product_id, list_price, row_number() over (order by product_id) as line_number
              from products where product_id %% 10 = %(digit)s order by product_id limit 2) p""",
        params=params,
    )
    change(
        cursor,
        tally,
        kind="inserted",
        table="payments",
        statement="""
        insert into payments (payment_id, order_id, method, amount, paid_at, updated_at)
        select md5(%(key)s || order_id)::uuid, order_id, 'transfer', 4.95 + sum(line_total), %(stamp)s, %(stamp)s
        from order_lines where order_id = any(%(orders)s) group by order_id""",
        params=params,
    )
    change(
        cursor,
        tally,
        kind="inserted",
        table="stock_movements",
        statement="""
        insert into stock_movements (product_id, quantity, reason, warehouse, moved_at)
        select product_id, -quantity, 'sale', 'Setúbal', %(stamp)s
        from order_lines where order_id = any(%(orders)s) order by order_id, line_number""",
        params=params,
    )
    change(
        cursor,
        tally,
        kind="updated",
        table="orders",
        statement="""
        update orders set note = 'corrected by a slow job', updated_at = %(stamp)s where order_id in
        (select order_id from orders where order_id %% 10 = %(digit)s and order_id / 10 %% 16 = %(lane)s
         and order_id <> all(%(orders)s) order by order_id desc limit %(count)s)""",
        params=params,
    )
