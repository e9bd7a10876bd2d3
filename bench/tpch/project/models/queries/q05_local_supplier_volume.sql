{#- Query 5: revenue where customer and supplier are of one nation. REGION ASIA, DATE 1994-01-01. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

customers as (
    select * from {{ ref('dim_customers') }}
),

suppliers as (
    select * from {{ ref('dim_suppliers') }}
),

final as (
    select
        suppliers.nation_name,
        sum(order_lines.net_price) as revenue
    from order_lines
    inner join customers on order_lines.customer_id = customers.customer_id
    inner join suppliers on order_lines.supplier_id = suppliers.supplier_id and customers.nation_name = suppliers.nation_name
    where
        suppliers.region_name = 'ASIA'
        and order_lines.order_date >= date '1994-01-01'
        and order_lines.order_date < date '1995-01-01'
    group by suppliers.nation_name
    order by revenue desc
)

select * from final
