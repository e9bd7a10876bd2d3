with products as (
    select * from {{ ref('fct_user_products') }}
),

final as (
    select
        coalesce(product_type, 'unknown') as product_type,
        count(distinct user_id) as users,
        count(*) as products
    from products
    group by coalesce(product_type, 'unknown')
)

select * from final
