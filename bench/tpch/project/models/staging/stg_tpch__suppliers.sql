with source as (
    select * from {{ source('tpch', 'supplier') }}
),

final as (
    select
        cast(s_suppkey as bigint) as supplier_id,
        s_name as supplier_name,
        s_address as address,
        cast(s_nationkey as bigint) as nation_id,
        s_phone as phone,
        cast(s_acctbal as decimal(15, 2)) as account_balance,
        s_comment as remark
    from source
)

select * from final
