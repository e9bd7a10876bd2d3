with source as (
    select * from {{ source('tpch', 'region') }}
),

final as (
    select
        cast(r_regionkey as bigint) as region_id,
        r_name as region_name
    from source
)

select * from final
