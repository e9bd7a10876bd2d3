{{ config(materialized='incremental', unique_key='movement_id') }}

with movements as (
    select * from {{ ref('int_stock_movements__current') }} where {{ is_new_batch() }}
),

final as (
    select
        movement_id,
        product_id,
        warehouse,
        reason,
        quantity,
        cast(moved_at as date) as movement_date,
        moved_at,
        _is_deleted,
        _batch_id
    from movements
    {% if not is_incremental() %} where not _is_deleted {% endif %}
)

select * from final
