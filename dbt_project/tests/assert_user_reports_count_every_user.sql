-- Reports add up to the users that they are made of: nobody lost or counted twice by a band, a day or a product.
select
    counted.users,
    bands.users as users_in_bands,
    days.users as users_by_day,
    holders.users as users_with_products
from (select count(*) as users, count(registered_date) as dated, count_if(product_count > 0) as holders from {{ ref('dim_users') }}) as counted
cross join (select sum(users) as users from {{ ref('rpt_users_by_score_band') }}) as bands
cross join (select coalesce(sum(users), 0) as users from {{ ref('rpt_daily_users') }}) as days
cross join (select count(distinct user_id) as users from {{ ref('fct_user_products') }}) as holders
where counted.users <> bands.users or counted.dated <> days.users or counted.holders <> holders.users
