{#- Query 11: parts that are a large share of a nation's stock. NATION GERMANY, FRACTION 0.0001 by the scale. -#}
with part_supplies as (
    select * from {{ ref('fct_part_supplies') }}
),

suppliers as (
    select * from {{ ref('dim_suppliers') }}
),

stock as (
    select
        part_supplies.part_id,
        part_supplies.stock_value
    from part_supplies
    inner join suppliers on part_supplies.supplier_id = suppliers.supplier_id
    where suppliers.nation_name = 'GERMANY'
),

final as (
    select
        part_id,
        sum(stock_value) as part_value
    from stock
    group by part_id
    having sum(stock_value) > (select sum(whole.stock_value) * {{ var('fraction') }} from stock as whole)
    order by part_value desc
)

select * from final
