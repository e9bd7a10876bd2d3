with source as (
    select * from {{ source('tpch', 'customer') }}
),

final as (
    select
        cast(c_custkey as bigint) as customer_id,
        c_name as customer_name,
        c_address as address,
        cast(c_nationkey as bigint) as nation_id,
        c_phone as phone,
        cast(c_acctbal as decimal(15, 2)) as account_balance,
        c_mktsegment as market_segment,
        c_comment as remark
    from source
)

select * from final
