{#- One row per supplier, with where it is. -#}
with suppliers as (
    select * from {{ ref('stg_tpch__suppliers') }}
),

nations as (
    select * from {{ ref('stg_tpch__nations') }}
),

regions as (
    select * from {{ ref('stg_tpch__regions') }}
),

final as (
    select
        suppliers.supplier_id,
        suppliers.supplier_name,
        suppliers.address,
        suppliers.phone,
        suppliers.account_balance,
        suppliers.remark,
        nations.nation_name,
        regions.region_name
    from suppliers
    inner join nations on suppliers.nation_id = nations.nation_id
    inner join regions on nations.region_id = regions.region_id
)

select * from final
