{{ config(materialized='view') }}

with source as (
    select * from {{ source('shop', 'reviews') }}
),

final as (
    select
        review_id,
        product_id,
        customer_id,
        rating,
        title,
        body,
        photos,
        created_at as reviewed_at,
        updated_at,
        deleted_at,
        {{ technical_columns() }}
    from source
)

select * from final
