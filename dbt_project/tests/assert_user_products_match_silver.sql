-- Gold holds exactly the products that are alive in silver: none forgotten, none left behind by a newer document.
with alive as (
    select user_id, product_position, product_type, product_id
    from {{ ref('int_user_products__current') }}
    where not _is_deleted
),

released as (
    select user_id, product_position, product_type, product_id from {{ ref('fct_user_products') }}
)

select * from (select * from alive except select * from released)
union all
select * from (select * from released except select * from alive)
