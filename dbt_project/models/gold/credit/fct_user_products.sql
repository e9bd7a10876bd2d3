{{ config(materialized='incremental', unique_key=['user_id', 'product_position']) }}

with products as (
    select * from {{ ref('int_user_products__current') }} where {{ is_new_batch() }}
),

final as (
    select
        user_id,
        product_position,
        product_type,
        product_id,
        cast(acquired_at as date) as acquired_date,
        acquired_at,
        ingestion_date,
        _is_deleted,
        _batch_id
    from products
    {% if not is_incremental() %} where not _is_deleted {% endif %}
)

select * from final
