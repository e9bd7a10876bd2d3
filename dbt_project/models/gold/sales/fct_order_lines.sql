{{ config(materialized='incremental', unique_key=['order_id', 'line_number'], meta={'sample_by': 'order_id'}) }}
{%- set is_new = is_new_batch() %}

with orders as (
    select * from {{ ref('int_orders__current') }}
),

order_lines as (
    select * from {{ ref('int_order_lines__current') }}
),

touched_orders as (
    select order_id from orders where {{ is_new }}
    union
    select order_id from order_lines where {{ is_new }}
),

final as (
    select
        order_lines.order_id,
        order_lines.line_number,
        order_lines.product_id,
        orders.customer_id,
        orders.order_status,
        orders.order_status <> 'cancelled' as is_sale,
        orders.order_status not in ('cancelled', 'returned') as is_kept_sale,
        orders.currency,
        cast(orders.placed_at as date) as order_date,
        orders.placed_at,
        order_lines.quantity as item_count,
        order_lines.unit_price,
        order_lines.discount_rate,
        order_lines.line_total,
        order_lines.is_gift_wrapped,
        order_lines._is_deleted or orders._is_deleted as _is_deleted,
        greatest(order_lines._batch_id, orders._batch_id) as _batch_id
    from order_lines
    {% if is_incremental() %} left semi join touched_orders on order_lines.order_id = touched_orders.order_id {% endif %}
    inner join orders on order_lines.order_id = orders.order_id
    {% if not is_incremental() %} where not (order_lines._is_deleted or orders._is_deleted) {% endif %}
)

select * from final
