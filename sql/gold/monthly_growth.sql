-- Which months grew? One row per month and currency: sales as in rpt_daily_sales, and the change to the month with sales before it.
with monthly as (
    select
        cast(date_trunc('month', order_date) as date) as month_start,
        currency,
        sum(orders) as orders,
        sum(lines_total) as sales
    from rpt_daily_sales
    group by cast(date_trunc('month', order_date) as date), currency
)

select
    month_start,
    currency,
    orders,
    sales,
    round(sales / nullif(orders, 0), 2) as per_order,
    round(
        100.0 * sales / nullif(lag(sales) over (partition by currency order by month_start), 0) - 100.0, 1
    ) as change_percent
from monthly
order by month_start desc, currency asc
