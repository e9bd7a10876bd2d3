{{ config(materialized='view') }}

with source as (
    select * from {{ source('shop', 'products') }}
),

final as (
    select
        product_id,
        sku,
        category_id,
        name as product_name,
        description,
        attributes,
        image_urls,
        list_price,
        weight_kg,
        rating_hint,
        is_active,
        created_at,
        updated_at,
        deleted_at,
        {{ technical_columns() }}
    from source
)

select * from final
