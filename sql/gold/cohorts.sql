-- Do customers come back? Customers by the month of their first kept order, and how many of them ordered again n months later.
with ordered as (
    select distinct
        customer_id,
        extract(year from order_date) * 12 + extract(month from order_date) as month_number
    from fct_orders
    where is_kept_sale
),

firsts as (
    select
        customer_id,
        min(month_number) as first_month
    from ordered
    group by customer_id
),

sizes as (
    select
        first_month,
        count(*) as customers
    from firsts
    group by first_month
)

select
    cast(floor((firsts.first_month - 1) / 12.0) as integer) as cohort_year,
    (firsts.first_month - 1) % 12 + 1 as cohort_month,
    sizes.customers,
    ordered.month_number - firsts.first_month as months_later,
    count(*) as came_back,
    round(100.0 * count(*) / sizes.customers, 1) as percent_of_cohort
from firsts
inner join ordered on firsts.customer_id = ordered.customer_id
inner join sizes on firsts.first_month = sizes.first_month
group by firsts.first_month, sizes.customers, ordered.month_number
order by firsts.first_month asc, months_later asc
