{{ config(materialized='view') }}

with source as (
    select * from {{ source('shop', 'customers') }}
),

final as (
    select
        customer_id,
        customer_uuid,
        full_name,
        email,
        phone as phone_number,
        birth_date,
        country_code,
        preferences,
        tags,
        is_vip,
        credit_limit,
        created_at as registered_at,
        updated_at,
        deleted_at,
        {{ technical_columns() }}
    from source
)

select * from final
