{#- Query 4: orders with a line that came late, of staging's orders, since the star has none. DATE 1993-07-01. -#}
with orders as (
    select * from {{ ref('stg_tpch__orders') }}
),

order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

final as (
    select
        order_priority,
        count(*) as order_count
    from orders
    where
        order_date >= date '1993-07-01'
        and order_date < date '1993-10-01'
        and exists (
            select 1 from order_lines
            where order_lines.order_id = orders.order_id and order_lines.commit_date < order_lines.receipt_date
        )
    group by order_priority
    order by order_priority
)

select * from final
