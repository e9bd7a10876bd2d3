"""The day's changes to rows that exist already, each function one transaction's worth."""

from psycopg2.extensions import cursor as Cursor

from samples.shop.day import Day, Tally, change, ids, new_ids, pick

CHILDREN = ("order_lines", "payments", "shipments")  # of orders, by cascading foreign keys
# A different instant for each order, between ten in the morning and six in the evening.
_WHEN = "%(start)s + interval '10 hours' + order_id %% 28800 * interval '1.000731 seconds'"
_RECENT = "order_id > (select max(order_id) - 50000 from orders)"


def progress(cursor: Cursor, day: Day, tally: Tally) -> None:
    """Orders move on by one step: the last steps first, so that no order takes two at once."""
    for old, new, share in (("delivered", "returned", 0.03), ("paid", "cancelled", 0.02)):
        chosen = _move(cursor, day, tally=tally, old=old, new=new, share=share)
        change(
            cursor,
            tally,
            kind="updated",
            table="payments",
            statement=f"""
            update payments set refunded_at = {_WHEN}, updated_at = {_WHEN}
            where order_id = any(%(chosen)s) and refunded_at is null""",
            params=chosen,
        )
    _move(cursor, day, tally=tally, old="placed", new="cancelled", share=0.02)
    chosen = _move(cursor, day, tally=tally, old="shipped", new="delivered", share=1.0)
    change(
        cursor,
        tally,
        kind="updated",
        table="shipments",
        statement=f"""
        update shipments set delivered_at = {_WHEN}, updated_at = {_WHEN}
        where order_id = any(%(chosen)s) and delivered_at is null""",
        params=chosen,
    )
    _ship(cursor, day, tally)
    _pay(cursor, day, tally)


def _move(cursor: Cursor, day: Day, tally: Tally, old: str, new: str, share: float) -> dict[str, object]:
    """Change the status of some orders from before today; returns the parameters that name them."""
    found = ids(
        cursor,
        """
        select order_id from orders where status = %(old)s and order_id %% 10 <> %(digit)s and placed_at < %(start)s
        order by placed_at desc, order_id limit %(count)s""",
        day.params(old=old, count=day.some(share)),
    )
    params = day.params(chosen=found, new=new)
    change(
        cursor,
        tally,
        kind="updated",
        table="orders",
        statement=f"""
        update orders set status = %(new)s, updated_at = {_WHEN} where order_id = any(%(chosen)s)""",
        params=params,
    )
    return params


def _pay(cursor: Cursor, day: Day, tally: Tally) -> None:
    chosen = _move(cursor, day, tally=tally, old="placed", new="paid", share=0.5)
    cursor.execute("update orders set paid_at = updated_at where order_id = any(%(chosen)s)", chosen)
    change(
        cursor,
        tally,
        kind="inserted",
        table="payments",
        statement="""
        insert into payments (payment_id, order_id, method, amount, provider_data, paid_at, updated_at)
        select md5('payment' || order_id || %(salt)s)::uuid, order_id, 'transfer',
               o.shipping_cost + coalesce((select sum(line_total) from order_lines l where l.order_id = o.order_id), 0),
               '{"reference": "reminder"}', paid_at, paid_at
        from orders o where order_id = any(%(chosen)s) order by order_id""",
        params=chosen,
    )


def _ship(cursor: Cursor, day: Day, tally: Tally) -> None:
    chosen = _move(cursor, day, tally=tally, old="paid", new="shipped", share=1.0)
    change(
        cursor,
        tally,
        kind="updated",
        table="shipments",
        statement=f"""
        update shipments set shipped_at = {_WHEN}, updated_at = {_WHEN} where order_id = any(%(chosen)s)""",
        params=chosen,
    )
    change(
        cursor,
        tally,
        kind="inserted",
        table="shipments",
        statement=f"""
        insert into shipments (order_id, carrier, weight_kg, ship_to, shipped_at, updated_at)
        select order_id, 'CTT', 1.250, jsonb_build_object('country', c.country_code, 'name', c.full_name),
               {_WHEN}, {_WHEN}
        from orders o join customers c using (customer_id)
        where order_id = any(%(chosen)s) and not exists (select from shipments s where s.order_id = o.order_id)
        order by order_id""",
        params=chosen,
    )


def catalogue(cursor: Cursor, day: Day, tally: Tally) -> None:
    """Prices, nested attributes and arrays of products change; one product leaves the shop and one comes back."""
    for where, share, setting in (
        ("deleted_at is null", 0.02, "list_price = round(list_price * (0.9 + product_id %% 23 * 0.01), 2)"),
        ("deleted_at is null", 0.01, "attributes = attributes || jsonb_build_object('season', %(salt)s::text)"),
        ("deleted_at is null", 0.01, "image_urls = array_append(image_urls, null)"),
        ("deleted_at is not null", 0.001, "deleted_at = null, is_active = true"),
        ("deleted_at is null", 0.001, "deleted_at = %(stamp)s, is_active = false"),
    ):
        chosen = pick(cursor, day, table="products", key="product_id", where=where, count=min(day.some(share), 50), about=setting)
        change(
            cursor,
            tally,
            kind="updated",
            table="products",
            statement=f"""
            update products set {setting}, updated_at = %(stamp)s where product_id = any(%(chosen)s)""",
            params=day.params(chosen=chosen, stamp=day.at(9)),
        )


def profiles(cursor: Cursor, day: Day, tally: Tally) -> None:
    """Customers change preferences and tags, some leave (a soft delete); reviews are edited and hidden."""
    for table, key, share, setting in (
        ("customers", "customer_id", 0.05, 'preferences = preferences || \'{"theme": null, "beta": [1, 2]}\''),
        ("customers", "customer_id", 0.05, "tags = tags || array['day, \"one\"', null]"),
        ("customers", "customer_id", 0.02, "deleted_at = %(stamp)s"),
        ("reviews", "review_id", 0.02, "rating = 6 - rating, body = 'Edited:\t\"' || coalesce(body, '') || '\"'"),
        ("reviews", "review_id", 0.01, "deleted_at = %(stamp)s"),
    ):
        chosen = pick(cursor, day, table=table, key=key, where="deleted_at is null", count=day.some(share), about=setting)
        change(
            cursor,
            tally,
            kind="updated",
            table=table,
            statement=f"""
            update {table} set {setting}, updated_at = %(stamp)s where {key} = any(%(chosen)s)""",
            params=day.params(chosen=chosen, stamp=day.at(11 + share)),
        )


def removals(cursor: Cursor, day: Day, tally: Tally) -> None:
    """Hard deletes: cancelled orders with all that belongs to them, a review, a stock movement."""
    chosen = day.params(
        chosen=pick(cursor, day, table="orders", key="order_id", where="status = 'cancelled'", count=day.some(0.02))
    )
    _count_children(cursor, tally, "deleted", chosen)
    change(
        cursor,
        tally,
        kind="deleted",
        table="orders",
        statement="delete from orders where order_id = any(%(chosen)s)",
        params=chosen,
    )
    for table, key in (("reviews", "review_id"), ("stock_movements", "movement_id")):
        chosen = day.params(chosen=pick(cursor, day, table=table, key=key, where="true", count=day.some(0.005)))
        change(
            cursor,
            tally,
            kind="deleted",
            table=table,
            statement=f"delete from {table} where {key} = any(%(chosen)s)",
            params=chosen,
        )


def keys(cursor: Cursor, day: Day, tally: Tally) -> None:
    """Primary keys change: orders get new numbers, and one customer's rows go to another before it is deleted."""
    chosen = pick(cursor, day, table="orders", key="order_id", where=_RECENT, count=day.some(0.005))
    for old, new in zip(chosen, new_ids(cursor, "orders", "order_id", len(chosen)), strict=True):
        params = day.params(chosen=[old], new=new, stamp=day.at(16))
        _count_children(cursor, tally, "updated", params)
        change(
            cursor,
            tally,
            kind="updated",
            table="orders",
            statement="""
            update orders set order_id = %(new)s, updated_at = %(stamp)s where order_id = any(%(chosen)s)""",
            params=params,
        )
    pair = ids(
        cursor,
        """
        select customer_id from orders where customer_id %% 10 <> %(digit)s group by customer_id
        having count(*) <= 50 and bool_and(order_id %% 10 <> %(digit)s)
        order by md5(customer_id || %(salt)s), customer_id limit 2""",
        day.params(),
    )
    if len(pair) == 2:
        _merge_customers(cursor, tally, day.params(kept=pair[0], gone=pair[1], stamp=day.at(17)))


def _merge_customers(cursor: Cursor, tally: Tally, params: dict[str, object]) -> None:
    for table in ("orders", "reviews"):
        change(
            cursor,
            tally,
            kind="updated",
            table=table,
            statement=f"""
            update {table} set customer_id = %(kept)s, updated_at = %(stamp)s where customer_id = %(gone)s""",
            params=params,
        )
    change(
        cursor,
        tally,
        kind="deleted",
        table="customers",
        statement="delete from customers where customer_id = %(gone)s",
        params=params,
    )


def _count_children(cursor: Cursor, tally: Tally, kind: str, chosen: dict[str, object]) -> None:
    for table in CHILDREN:
        cursor.execute(f"select count(*) from {table} where order_id = any(%(chosen)s)", chosen)
        tally.add(table, kind, (cursor.fetchone() or (0,))[0])


def careless(cursor: Cursor, day: Day, tally: Tally) -> None:
    """Updates by hand that forget updated_at: only the rows themselves tell."""
    chosen = pick(cursor, day, table="orders", key="order_id", where=_RECENT, count=day.some(0.01), about="by hand")
    change(
        cursor,
        tally,
        kind="updated",
        table="orders",
        statement="""
        update orders set note = 'by hand' || %(salt)s, shipping_cost = shipping_cost + 0.01
        where order_id = any(%(chosen)s)""",
        params=day.params(chosen=chosen),
    )
    chosen = pick(cursor, day, table="products", key="product_id", where="true", count=1, about="by hand")
    change(
        cursor,
        tally,
        kind="updated",
        table="products",
        statement="""
        update products set list_price = list_price + 0.10 where product_id = any(%(chosen)s)""",
        params=day.params(chosen=chosen),
    )
