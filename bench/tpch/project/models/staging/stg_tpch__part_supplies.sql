with source as (
    select * from {{ source('tpch', 'partsupp') }}
),

final as (
    select
        cast(ps_partkey as bigint) as part_id,
        cast(ps_suppkey as bigint) as supplier_id,
        cast(ps_availqty as int) as available_count,
        cast(ps_supplycost as decimal(15, 2)) as supply_cost,
        ps_comment as remark
    from source
)

select * from final
