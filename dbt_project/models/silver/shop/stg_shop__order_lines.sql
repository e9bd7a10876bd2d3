{{ config(materialized='view') }}

with source as (
    select * from {{ source('shop', 'order_lines') }}
),

final as (
    select
        order_id,
        line_number,
        product_id,
        quantity,
        unit_price,
        discount_rate,
        line_total,
        gift_wrap as is_gift_wrapped,
        options,
        updated_at,
        {{ technical_columns() }}
    from source
)

select * from final
