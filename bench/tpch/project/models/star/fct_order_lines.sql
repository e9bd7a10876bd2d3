{#- One row per order line, with what its order says. -#}
with order_lines as (
    select * from {{ ref('stg_tpch__order_lines') }}
),

orders as (
    select * from {{ ref('stg_tpch__orders') }}
),

final as (
    select
        order_lines.order_id,
        order_lines.line_number,
        orders.customer_id,
        order_lines.part_id,
        order_lines.supplier_id,
        orders.order_date,
        orders.order_status,
        orders.order_priority,
        orders.ship_priority,
        order_lines.ship_date,
        order_lines.commit_date,
        order_lines.receipt_date,
        order_lines.ship_mode,
        order_lines.ship_instruction,
        order_lines.return_flag,
        order_lines.line_status,
        order_lines.quantity,
        order_lines.extended_price,
        order_lines.discount_rate,
        order_lines.tax_rate,
        cast(order_lines.extended_price * (1 - order_lines.discount_rate) as decimal(18, 4)) as net_price
    from order_lines
    inner join orders on order_lines.order_id = orders.order_id
)

select * from final
