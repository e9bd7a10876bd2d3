{#- Query 16: how many sell a kind of part, without those complained of. BRAND Brand#45, TYPE MEDIUM POLISHED, SIZE1 to SIZE8. -#}
with part_supplies as (
    select * from {{ ref('fct_part_supplies') }}
),

parts as (
    select * from {{ ref('dim_parts') }}
),

suppliers as (
    select * from {{ ref('dim_suppliers') }}
),

final as (
    select
        parts.brand,
        parts.part_type,
        parts.part_size,
        count(distinct part_supplies.supplier_id) as supplier_count
    from part_supplies
    inner join parts on part_supplies.part_id = parts.part_id
    where
        parts.brand <> 'Brand#45'
        and parts.part_type not like 'MEDIUM POLISHED%'
        and parts.part_size in (49, 14, 23, 45, 19, 3, 36, 9)
        and not exists (
            select 1 from suppliers
            where suppliers.supplier_id = part_supplies.supplier_id and suppliers.remark like '%Customer%Complaints%'
        )
    group by parts.brand, parts.part_type, parts.part_size
    order by supplier_count desc, parts.brand asc, parts.part_type asc, parts.part_size asc
)

select * from final
