{{ config(materialized='incremental', unique_key='order_id', meta={'sample_by': 'order_id'}) }}
{%- set is_new = is_new_batch() %}

with orders as (
    select * from {{ ref('int_orders__current') }}
),

touched_orders as (
    select order_id from orders where {{ is_new }}
    union
    select order_id from {{ ref('int_order_lines__current') }} where {{ is_new }}
    union
    select explode(_order_ids) from {{ ref('int_payments__current') }} where {{ is_new }}
),

-- Deleted lines and payments add nothing but their batch, which marks this order as up to date with it.
line_totals as (
    select
        order_id,
        count_if(not _is_deleted) as line_count,
        sum(quantity) filter (where not _is_deleted) as item_count,
        sum(line_total) filter (where not _is_deleted) as lines_total,
        max(_batch_id) as _batch_id
    from {{ ref('int_order_lines__current') }}
    {% if is_incremental() %} left semi join touched_orders using (order_id) {% endif %}
    group by order_id
),

payment_totals as (
    select
        order_id,
        count_if(not _is_deleted) as payment_count,
        sum(paid_amount) filter (where not _is_deleted and refunded_at is null) as paid_amount,
        sum(paid_amount) filter (where not _is_deleted and refunded_at is not null) as refunded_amount,
        max(_batch_id) as _batch_id
    from {{ ref('int_payments__current') }}
    {% if is_incremental() %} left semi join touched_orders using (order_id) {% endif %}
    group by order_id
),

final as (
    select
        orders.order_id,
        orders.customer_id,
        orders.order_status,
        orders.order_status <> 'cancelled' as is_sale,
        orders.order_status not in ('cancelled', 'returned') as is_kept_sale,
        orders.currency,
        orders.coupon_code,
        cast(orders.placed_at as date) as order_date,
        orders.placed_at,
        orders.paid_at,
        coalesce(line_totals.line_count, 0) as line_count,
        coalesce(line_totals.item_count, 0) as item_count,
        cast(coalesce(line_totals.lines_total, 0) as decimal(18, 2)) as lines_total,
        orders.shipping_cost,
        cast(coalesce(line_totals.lines_total, 0) + orders.shipping_cost as decimal(18, 2)) as total_amount,
        coalesce(payment_totals.payment_count, 0) as payment_count,
        cast(coalesce(payment_totals.paid_amount, 0) as decimal(18, 2)) as paid_amount,
        cast(coalesce(payment_totals.refunded_amount, 0) as decimal(18, 2)) as refunded_amount,
        orders._is_deleted,
        greatest(orders._batch_id, line_totals._batch_id, payment_totals._batch_id) as _batch_id
    from orders
    {% if is_incremental() %} left semi join touched_orders on orders.order_id = touched_orders.order_id {% endif %}
    left join line_totals on orders.order_id = line_totals.order_id
    left join payment_totals on orders.order_id = payment_totals.order_id
    {% if not is_incremental() %} where not orders._is_deleted {% endif %}
)

select * from final
