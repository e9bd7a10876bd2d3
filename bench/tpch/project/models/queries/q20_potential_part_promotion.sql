{#- Query 20: who in a nation has far more of a part than was shipped in a year. COLOR forest, DATE 1994-01-01, NATION CANADA. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

parts as (
    select * from {{ ref('dim_parts') }}
),

part_supplies as (
    select * from {{ ref('fct_part_supplies') }}
),

suppliers as (
    select * from {{ ref('dim_suppliers') }}
),

shipped as (
    select
        part_id,
        supplier_id,
        sum(quantity) as shipped_quantity
    from order_lines
    where ship_date >= date '1994-01-01' and ship_date < date '1995-01-01'
    group by part_id, supplier_id
),

plentiful as (
    select part_supplies.supplier_id
    from part_supplies
    inner join shipped on part_supplies.part_id = shipped.part_id and part_supplies.supplier_id = shipped.supplier_id
    where
        part_supplies.available_count > 0.5 * shipped.shipped_quantity
        and part_supplies.part_id in (select parts.part_id from parts where parts.part_name like 'forest%')
),

final as (
    select
        supplier_name,
        address
    from suppliers
    where nation_name = 'CANADA' and supplier_id in (select plentiful.supplier_id from plentiful)
    order by supplier_name
)

select * from final
