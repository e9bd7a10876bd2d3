-- Which categories sell? Revenue of each top category, its share of the currency, and what the largest ones come to together.
select
    category_name,
    currency,
    orders,
    items,
    revenue,
    round(100.0 * revenue / nullif(sum(revenue) over (partition by currency), 0), 1) as share_percent,
    round(
        100.0 * sum(revenue) over (
            partition by currency order by revenue desc, category_id asc rows between unbounded preceding and current row
        ) / nullif(sum(revenue) over (partition by currency), 0), 1
    ) as running_percent
from rpt_category_revenue
order by currency asc, revenue desc
