{{ config(unique_key=['product_id', '_valid_from'], meta={'on_tombstone': 'ignore'}) }}

with source as (
    select * from {{ ref('stg_shop__products') }}
),

-- A version that comes in ends the one before it: all versions of its key are looked at.
touched as (
    select product_id from source where {{ is_new_batch() }}
),

versions as (
    select * from source
    {% if is_incremental() %} left semi join touched using (product_id) {% endif %}
),

history as (
    {{ versions_over_time('versions', key=['product_id'], values=[
        'sku', 'category_id', 'product_name', 'description', 'attributes', 'image_urls', 'list_price',
        'weight_kg', 'rating_hint', 'is_active', 'created_at', 'deleted_at'
    ], changed_at='updated_at') }}
),

final as (
    select * from history where {{ is_new_batch() }}
)

select * from final
