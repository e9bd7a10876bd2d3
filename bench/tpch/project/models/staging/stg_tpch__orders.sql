with source as (
    select * from {{ source('tpch', 'orders') }}
),

final as (
    select
        cast(o_orderkey as bigint) as order_id,
        cast(o_custkey as bigint) as customer_id,
        o_orderstatus as order_status,
        cast(o_totalprice as decimal(15, 2)) as total_price,
        cast(o_orderdate as date) as order_date,
        o_orderpriority as order_priority,
        o_clerk as clerk,
        cast(o_shippriority as int) as ship_priority,
        o_comment as remark
    from source
)

select * from final
