with orders as (
    select * from {{ ref('fct_orders') }} where is_sale
),

final as (
    select
        order_date,
        currency,
        count(*) as orders,
        sum(item_count) as items,
        cast(sum(lines_total) as decimal(18, 2)) as lines_total,
        cast(sum(shipping_cost) as decimal(18, 2)) as shipping_total
    from orders
    group by order_date, currency
)

select * from final
