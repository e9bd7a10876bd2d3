-- How much do we sell, and is it more than last week? One row per day and currency; the last columns look at seven days with sales.
with daily as (
    select
        order_date,
        currency,
        orders,
        items,
        lines_total,
        sum(lines_total) over (
            partition by currency order by order_date rows between 6 preceding and current row
        ) as last_seven,
        sum(lines_total) over (
            partition by currency order by order_date rows between 13 preceding and 7 preceding
        ) as seven_before
    from rpt_daily_sales
)

select
    order_date,
    currency,
    orders,
    items,
    lines_total,
    last_seven,
    round(100.0 * (last_seven - seven_before) / nullif(seven_before, 0), 1) as change_percent
from daily
order by order_date desc, currency asc
limit 60
