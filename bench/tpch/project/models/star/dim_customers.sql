{#- One row per customer, with where it is. -#}
with customers as (
    select * from {{ ref('stg_tpch__customers') }}
),

nations as (
    select * from {{ ref('stg_tpch__nations') }}
),

regions as (
    select * from {{ ref('stg_tpch__regions') }}
),

final as (
    select
        customers.customer_id,
        customers.customer_name,
        customers.address,
        customers.phone,
        customers.account_balance,
        customers.market_segment,
        customers.remark,
        nations.nation_name,
        regions.region_name
    from customers
    inner join nations on customers.nation_id = nations.nation_id
    inner join regions on nations.region_id = regions.region_id
)

select * from final
