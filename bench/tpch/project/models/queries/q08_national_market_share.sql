{#- Query 8: a nation's share of a region's market for a part. NATION BRAZIL, REGION AMERICA, TYPE ECONOMY ANODIZED STEEL. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

parts as (
    select * from {{ ref('dim_parts') }}
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
        dates.year_number as order_year,
        cast(sum(case when suppliers.nation_name = 'BRAZIL' then order_lines.net_price else 0 end) as double)
        / cast(sum(order_lines.net_price) as double) as market_share
    from order_lines
    inner join parts on order_lines.part_id = parts.part_id
    inner join customers on order_lines.customer_id = customers.customer_id
    inner join suppliers on order_lines.supplier_id = suppliers.supplier_id
    inner join dates on order_lines.order_date = dates.date_day
    where
        customers.region_name = 'AMERICA'
        and order_lines.order_date between date '1995-01-01' and date '1996-12-31'
        and parts.part_type = 'ECONOMY ANODIZED STEEL'
    group by dates.year_number
    order by order_year
)

select * from final
