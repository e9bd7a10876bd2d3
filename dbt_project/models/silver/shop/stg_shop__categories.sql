{{ config(materialized='view') }}

with source as (
    select * from {{ source('shop', 'categories') }}
),

final as (
    select
        category_id,
        parent_id as parent_category_id,
        name as category_name,
        slug,
        created_at,
        updated_at,
        {{ technical_columns() }}
    from source
)

select * from final
