with source as (
    select * from {{ source('tpch', 'part') }}
),

final as (
    select
        cast(p_partkey as bigint) as part_id,
        p_name as part_name,
        p_mfgr as manufacturer,
        p_brand as brand,
        p_type as part_type,
        cast(p_size as int) as part_size,
        p_container as container,
        cast(p_retailprice as decimal(15, 2)) as retail_price,
        p_comment as remark
    from source
)

select * from final
