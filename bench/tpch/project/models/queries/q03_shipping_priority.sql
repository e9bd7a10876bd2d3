{#- Query 3: the ten unshipped orders of the greatest revenue. SEGMENT BUILDING, DATE 1995-03-15. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

customers as (
    select * from {{ ref('dim_customers') }}
),

final as (
    select
        order_lines.order_id,
        sum(order_lines.net_price) as revenue,
        order_lines.order_date,
        order_lines.ship_priority
    from order_lines
    inner join customers on order_lines.customer_id = customers.customer_id
    where
        customers.market_segment = 'BUILDING'
        and order_lines.order_date < date '1995-03-15'
        and order_lines.ship_date > date '1995-03-15'
    group by order_lines.order_id, order_lines.order_date, order_lines.ship_priority
    order by revenue desc, order_lines.order_date asc, order_lines.order_id asc
    limit 10
)

select * from final
