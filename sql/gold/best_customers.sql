-- Who are our best customers? The ten of each country and currency whose kept orders came to most.
with ranked as (
    select
        customers.country_code,
        worth.currency,
        worth.customer_id,
        customers.is_vip,
        worth.orders,
        worth.lifetime_total,
        cast(worth.last_order_at as date) as last_order_date,
        rank() over (
            partition by customers.country_code, worth.currency order by worth.lifetime_total desc
        ) as place
    from rpt_customer_value as worth
    inner join dim_customers as customers on worth.customer_id = customers.customer_id
)

select *
from ranked
where place <= 10
order by country_code asc, currency asc, place asc, customer_id asc
