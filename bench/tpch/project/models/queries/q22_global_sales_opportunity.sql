{#- Query 22: customers with money and without orders, by country code; of staging's orders. I1 to I7. -#}
with customers as (
    select * from {{ ref('dim_customers') }}
),

orders as (
    select * from {{ ref('stg_tpch__orders') }}
),

candidates as (
    select
        customer_id,
        substring(phone, 1, 2) as country_code,
        account_balance
    from customers
    where substring(phone, 1, 2) in ('13', '31', '23', '29', '30', '18', '17')
),

final as (
    select
        country_code,
        count(*) as customer_count,
        sum(account_balance) as total_balance
    from candidates
    where
        cast(account_balance as double) > (
            select avg(cast(rich.account_balance as double)) from candidates as rich where rich.account_balance > 0
        )
        and not exists (select 1 from orders where orders.customer_id = candidates.customer_id)
    group by country_code
    order by country_code
)

select * from final
