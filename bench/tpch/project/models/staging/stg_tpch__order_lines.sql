with source as (
    select * from {{ source('tpch', 'lineitem') }}
),

final as (
    select
        cast(l_orderkey as bigint) as order_id,
        cast(l_linenumber as int) as line_number,
        cast(l_partkey as bigint) as part_id,
        cast(l_suppkey as bigint) as supplier_id,
        cast(l_quantity as decimal(15, 2)) as quantity,
        cast(l_extendedprice as decimal(15, 2)) as extended_price,
        cast(l_discount as decimal(15, 2)) as discount_rate,
        cast(l_tax as decimal(15, 2)) as tax_rate,
        l_returnflag as return_flag,
        l_linestatus as line_status,
        cast(l_shipdate as date) as ship_date,
        cast(l_commitdate as date) as commit_date,
        cast(l_receiptdate as date) as receipt_date,
        l_shipinstruct as ship_instruction,
        l_shipmode as ship_mode,
        l_comment as remark
    from source
)

select * from final
