-- Two incremental tables made from the same lines must tell the same sum; one of them missed a change otherwise.
with line_totals as (
    select
        order_id,
        count(*) as line_count,
        sum(line_total) as lines_total
    from {{ ref('fct_order_lines') }}
    group by order_id
)

select
    fct_orders.order_id,
    fct_orders.lines_total,
    line_totals.lines_total as expected_total
from {{ ref('fct_orders') }} as fct_orders
full join line_totals on fct_orders.order_id = line_totals.order_id
where not fct_orders.lines_total <=> cast(coalesce(line_totals.lines_total, 0) as decimal(18, 2))
    or not fct_orders.line_count <=> coalesce(line_totals.line_count, 0)
