{#- Query 18: the hundred dearest orders of more than so many pieces, with staging's orders. QUANTITY 300. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

customers as (
    select * from {{ ref('dim_customers') }}
),

orders as (
    select * from {{ ref('stg_tpch__orders') }}
),

large as (
    select
        order_id,
        sum(quantity) as total_quantity
    from order_lines
    group by order_id
    having sum(quantity) > 300
),

final as (
    select
        customers.customer_name,
        customers.customer_id,
        orders.order_id,
        orders.order_date,
        orders.total_price,
        large.total_quantity
    from large
    inner join orders on large.order_id = orders.order_id
    inner join customers on orders.customer_id = customers.customer_id
    order by orders.total_price desc, orders.order_date asc, orders.order_id asc
    limit 100
)

select * from final
