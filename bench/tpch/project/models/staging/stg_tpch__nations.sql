with source as (
    select * from {{ source('tpch', 'nation') }}
),

final as (
    select
        cast(n_nationkey as bigint) as nation_id,
        n_name as nation_name,
        cast(n_regionkey as bigint) as region_id
    from source
)

select * from final
