-- What is bought together? Pairs of products that most kept orders hold both of.
with bought as (
    select distinct
        order_id,
        product_id
    from fct_order_lines
    where is_kept_sale
),

pairs as (
    select
        one.product_id as product_id,
        other.product_id as other_product_id,
        count(*) as orders
    from bought as one
    inner join bought as other on one.order_id = other.order_id and one.product_id < other.product_id
    group by one.product_id, other.product_id
)

select
    pairs.orders,
    products.product_name,
    others.product_name as other_product_name,
    products.top_category_name = others.top_category_name as is_same_category
from pairs
inner join dim_products as products on pairs.product_id = products.product_id
inner join dim_products as others on pairs.other_product_id = others.product_id
order by pairs.orders desc, pairs.product_id asc, pairs.other_product_id asc
limit 50
