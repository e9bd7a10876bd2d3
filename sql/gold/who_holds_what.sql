-- Who holds what? One row per user and kind of product; names are in silver, which is not for everybody.
select
    users.user_id,
    users.score_band,
    held.product_type,
    count(*) as products,
    min(held.acquired_date) as held_since
from fct_user_products as held
inner join dim_users as users on held.user_id = users.user_id
group by users.user_id, users.score_band, held.product_type
order by held.product_type asc, users.user_id asc
limit 1000
