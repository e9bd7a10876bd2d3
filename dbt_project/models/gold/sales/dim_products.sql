with products as (
    select * from {{ ref('int_products__current') }} where not _is_deleted
),

ratings as (
    select
        product_id,
        count(*) as review_count,
        cast(avg(rating) as decimal(3, 2)) as average_rating
    from {{ ref('int_reviews__current') }}
    where not _is_deleted and deleted_at is null
    group by product_id
),

final as (
    select
        products.product_id,
        products.sku,
        products.product_name,
        products.category_id,
        categories.category_name,
        categories.category_path,
        categories.top_category_id,
        categories.top_category_name,
        products.list_price,
        products.weight_kg,
        products.is_active and products.deleted_at is null as is_available,
        products.created_at as listed_at,
        products.deleted_at as withdrawn_at,
        coalesce(ratings.review_count, 0) as review_count,
        ratings.average_rating,
        products._batch_id
    from products
    left join {{ ref('dim_categories') }} as categories on products.category_id = categories.category_id
    left join ratings on products.product_id = ratings.product_id
)

select * from final
