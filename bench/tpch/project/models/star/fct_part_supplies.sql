{#- One row per part and supplier that has it. -#}
with part_supplies as (
    select * from {{ ref('stg_tpch__part_supplies') }}
),

final as (
    select
        part_id,
        supplier_id,
        available_count,
        supply_cost,
        cast(supply_cost * available_count as decimal(18, 2)) as stock_value
    from part_supplies
)

select * from final
