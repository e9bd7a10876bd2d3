{#- Query 2: who in a region sells a kind of part at the lowest cost. SIZE 15, TYPE BRASS, REGION EUROPE. -#}
with part_supplies as (
    select * from {{ ref('fct_part_supplies') }}
),

parts as (
    select * from {{ ref('dim_parts') }}
),

suppliers as (
    select * from {{ ref('dim_suppliers') }}
),

offers as (
    select
        part_supplies.part_id,
        part_supplies.supply_cost,
        suppliers.supplier_name,
        suppliers.nation_name,
        suppliers.address,
        suppliers.phone,
        suppliers.account_balance,
        suppliers.remark
    from part_supplies
    inner join suppliers on part_supplies.supplier_id = suppliers.supplier_id
    where suppliers.region_name = 'EUROPE'
),

final as (
    select
        offers.account_balance,
        offers.supplier_name,
        offers.nation_name,
        parts.part_id,
        parts.manufacturer,
        offers.address,
        offers.phone,
        offers.remark
    from parts
    inner join offers on parts.part_id = offers.part_id
    where
        parts.part_size = 15
        and parts.part_type like '%BRASS'
        and offers.supply_cost = (select min(others.supply_cost) from offers as others where others.part_id = parts.part_id)
    order by offers.account_balance desc, offers.nation_name asc, offers.supplier_name asc, parts.part_id asc
    limit 100
)

select * from final
