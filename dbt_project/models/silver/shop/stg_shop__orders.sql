{{ config(materialized='view') }}

with source as (
    select * from {{ source('shop', 'orders') }}
),

final as (
    select
        order_id,
        customer_id,
        status as order_status,
        currency,
        coupon_code,
        shipping_cost,
        note,
        client_info,
        placed_at,
        paid_at,
        updated_at,
        {{ technical_columns() }}
    from source
)

select * from final
