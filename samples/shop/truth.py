"""What the lakehouse's gold tables must equal, as PostgreSQL queries; README.md says it in words."""

TRUTH: dict[str, str] = {
    # One row per UTC date of placed_at and currency. Orders that are not cancelled (returned ones count);
    # an order without lines counts with 0 items; shipping once per order, not once per line.
    "daily_sales": """
        select (o.placed_at at time zone 'UTC')::date as order_date, o.currency,
               count(*) as orders, coalesce(sum(l.items), 0)::bigint as items,
               coalesce(sum(l.total), 0)::numeric(18, 2) as lines_total,
               sum(o.shipping_cost)::numeric(18, 2) as shipping_total
        from orders o
        left join (select order_id, sum(quantity) as items, sum(line_total) as total
                   from order_lines group by order_id) l using (order_id)
        where o.status <> 'cancelled'
        group by 1, 2 order by 1, 2
    """,
    # One row per customer and currency. Orders neither cancelled nor returned, of customers that are not soft-deleted;
    # the value is the sum of line totals, without shipping. Customers without such orders have no row.
    "customer_value": """
        select o.customer_id, o.currency, count(*) as orders,
               coalesce(sum(l.total), 0)::numeric(18, 2) as lifetime_total,
               min(o.placed_at) as first_order_at, max(o.placed_at) as last_order_at
        from orders o
        join customers c on c.customer_id = o.customer_id and c.deleted_at is null
        left join (select order_id, sum(line_total) as total from order_lines group by order_id) l using (order_id)
        where o.status not in ('cancelled', 'returned')
        group by 1, 2 order by 1, 2
    """,
    # One row per top-level category and currency. Lines of orders neither cancelled nor returned, under the root of
    # the product's category; soft-deleted products and customers count. Categories without sales have no row.
    "category_revenue": """
        with recursive roots as (
            select category_id, category_id as root_id from categories where parent_id is null
            union all
            select c.category_id, r.root_id from categories c join roots r on c.parent_id = r.category_id)
        select r.root_id as category_id, top.name as category_name, o.currency,
               count(distinct o.order_id) as orders, sum(l.quantity)::bigint as items,
               sum(l.line_total)::numeric(18, 2) as revenue
        from order_lines l
        join orders o using (order_id)
        join products p using (product_id)
        join roots r on r.category_id = p.category_id
        join categories top on top.category_id = r.root_id
        where o.status not in ('cancelled', 'returned')
        group by 1, 2, 3 order by 1, 3
    """,
    # One row per product, soft-deleted ones too: the sum of its movements over all warehouses, 0 without any.
    "stock_on_hand": """
        select p.product_id, p.sku::text as sku, coalesce(sum(m.quantity), 0)::bigint as on_hand,
               count(m.movement_id) as movements, max(m.moved_at) as last_moved_at
        from products p left join stock_movements m using (product_id)
        group by 1, 2 order by 1
    """,
}
