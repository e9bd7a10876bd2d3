with products as (
    select * from {{ ref('dim_products') }}
),

movements as (
    select
        product_id,
        sum(quantity) as on_hand,
        count(*) as movements,
        max(moved_at) as last_moved_at
    from {{ ref('fct_stock_movements') }}
    group by product_id
),

final as (
    select
        products.product_id,
        products.sku,
        coalesce(movements.on_hand, 0) as on_hand,
        coalesce(movements.movements, 0) as movements,
        movements.last_moved_at
    from products
    left join movements on products.product_id = movements.product_id
)

select * from final
