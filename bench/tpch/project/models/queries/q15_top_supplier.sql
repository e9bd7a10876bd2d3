{#- Query 15: who sold most in a quarter. DATE 1996-01-01. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

suppliers as (
    select * from {{ ref('dim_suppliers') }}
),

revenues as (
    select
        supplier_id,
        sum(net_price) as total_revenue
    from order_lines
    where ship_date >= date '1996-01-01' and ship_date < date '1996-04-01'
    group by supplier_id
),

final as (
    select
        suppliers.supplier_id,
        suppliers.supplier_name,
        suppliers.address,
        suppliers.phone,
        revenues.total_revenue
    from suppliers
    inner join revenues on suppliers.supplier_id = revenues.supplier_id
    where revenues.total_revenue = (select max(others.total_revenue) from revenues as others)
    order by suppliers.supplier_id
)

select * from final
