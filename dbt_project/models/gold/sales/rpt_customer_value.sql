with orders as (
    select * from {{ ref('fct_orders') }} where is_kept_sale
),

active_customers as (
    select customer_id from {{ ref('dim_customers') }} where is_active
),

final as (
    select
        orders.customer_id,
        orders.currency,
        count(*) as orders,
        cast(sum(orders.lines_total) as decimal(18, 2)) as lifetime_total,
        min(orders.placed_at) as first_order_at,
        max(orders.placed_at) as last_order_at
    from orders
    inner join active_customers on orders.customer_id = active_customers.customer_id
    group by orders.customer_id, orders.currency
)

select * from final
