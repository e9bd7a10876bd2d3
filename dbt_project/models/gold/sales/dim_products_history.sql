with history as (
    select * from {{ ref('int_products__history') }}
),

renamed as (
    select
        *,
        is_active and deleted_at is null as is_available,
        created_at as listed_at,
        deleted_at as withdrawn_at
    from history
),

final as (
    {{ joined_periods('renamed', key=['product_id'], values=[
        'sku', 'product_name', 'category_id', 'list_price', 'weight_kg', 'is_available', 'listed_at',
        'withdrawn_at'
    ]) }}
)

select * from final
