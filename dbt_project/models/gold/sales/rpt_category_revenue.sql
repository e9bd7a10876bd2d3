with order_lines as (
    select * from {{ ref('fct_order_lines') }} where is_kept_sale
),

products as (
    select * from {{ ref('dim_products') }} where top_category_id is not null
),

final as (
    select
        products.top_category_id as category_id,
        products.top_category_name as category_name,
        order_lines.currency,
        count(distinct order_lines.order_id) as orders,
        sum(order_lines.item_count) as items,
        cast(sum(order_lines.line_total) as decimal(18, 2)) as revenue
    from order_lines
    inner join products on order_lines.product_id = products.product_id
    group by products.top_category_id, products.top_category_name, order_lines.currency
)

select * from final
