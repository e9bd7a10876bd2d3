{{ config(materialized='view') }}

with source as (
    select * from {{ source('shop', 'shipments') }}
),

final as (
    select
        shipment_id,
        order_id,
        carrier,
        tracking_code,
        weight_kg,
        ship_to,
        shipped_at,
        delivered_at,
        pickup_time,
        updated_at,
        {{ technical_columns() }}
    from source
)

select * from final
