{#- Query 7: what two nations ship to each other. NATION1 FRANCE, NATION2 GERMANY. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

customers as (
    select * from {{ ref('dim_customers') }}
),

suppliers as (
    select * from {{ ref('dim_suppliers') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
),

final as (
    select
        suppliers.nation_name as supplier_nation,
        customers.nation_name as customer_nation,
        dates.year_number as ship_year,
        sum(order_lines.net_price) as revenue
    from order_lines
    inner join suppliers on order_lines.supplier_id = suppliers.supplier_id
    inner join customers on order_lines.customer_id = customers.customer_id
    inner join dates on order_lines.ship_date = dates.date_day
    where
        (
            (suppliers.nation_name = 'FRANCE' and customers.nation_name = 'GERMANY')
            or (suppliers.nation_name = 'GERMANY' and customers.nation_name = 'FRANCE')
        )
        and order_lines.ship_date between date '1995-01-01' and date '1996-12-31'
    group by suppliers.nation_name, customers.nation_name, dates.year_number
    order by supplier_nation, customer_nation, ship_year
)

select * from final
