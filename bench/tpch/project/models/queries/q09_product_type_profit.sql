{#- Query 9: profit on a line of parts by nation and year. COLOR green. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

parts as (
    select * from {{ ref('dim_parts') }}
),

suppliers as (
    select * from {{ ref('dim_suppliers') }}
),

part_supplies as (
    select * from {{ ref('fct_part_supplies') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
),

final as (
    select
        suppliers.nation_name,
        dates.year_number as order_year,
        sum(order_lines.net_price - part_supplies.supply_cost * order_lines.quantity) as profit
    from order_lines
    inner join parts on order_lines.part_id = parts.part_id
    inner join suppliers on order_lines.supplier_id = suppliers.supplier_id
    inner join part_supplies
        on order_lines.part_id = part_supplies.part_id and order_lines.supplier_id = part_supplies.supplier_id
    inner join dates on order_lines.order_date = dates.date_day
    where parts.part_name like '%green%'
    group by suppliers.nation_name, dates.year_number
    order by suppliers.nation_name asc, order_year desc
)

select * from final
