{#- Query 13: how many customers have how many orders, of staging's orders. WORD1 special, WORD2 requests. -#}
with customers as (
    select * from {{ ref('dim_customers') }}
),

orders as (
    select * from {{ ref('stg_tpch__orders') }}
),

counts as (
    select
        customers.customer_id,
        count(orders.order_id) as order_count
    from customers
    left join orders on customers.customer_id = orders.customer_id and orders.remark not like '%special%requests%'
    group by customers.customer_id
),

final as (
    select
        order_count,
        count(*) as customer_count
    from counts
    group by order_count
    order by customer_count desc, order_count desc
)

select * from final
