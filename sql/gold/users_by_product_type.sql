-- How many people hold each kind of product, and how many of it does one hold?
select
    product_type,
    users,
    products,
    round(1.0 * products / users, 2) as products_per_user
from rpt_users_by_product_type
order by users desc, product_type asc
