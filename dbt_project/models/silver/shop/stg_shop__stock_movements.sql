{{ config(materialized='view') }}

with source as (
    select * from {{ source('shop', 'stock_movements') }}
),

final as (
    select
        movement_id,
        product_id,
        quantity,
        reason,
        warehouse,
        moved_at,
        {{ technical_columns() }}
    from source
)

select * from final
