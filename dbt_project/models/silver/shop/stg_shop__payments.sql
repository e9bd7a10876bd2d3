{{ config(materialized='view') }}

with source as (
    select * from {{ source('shop', 'payments') }}
),

final as (
    select
        payment_id,
        order_id,
        method as payment_method,
        amount as paid_amount,
        provider_data,
        paid_at,
        refunded_at,
        updated_at,
        {{ technical_columns() }}
    from source
)

select * from final
