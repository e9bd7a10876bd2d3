-- Gold holds exactly the lines that are alive in silver, counted and summed by order.
with alive as (
    select order_id, count(*) as line_count, sum(line_total) as lines_total
    from {{ ref('int_order_lines__current') }}
    where not _is_deleted
    group by order_id
),

released as (
    select order_id, count(*) as line_count, sum(line_total) as lines_total
    from {{ ref('fct_order_lines') }}
    group by order_id
)

select
    coalesce(alive.order_id, released.order_id) as order_id,
    alive.line_count as silver_lines,
    released.line_count as gold_lines
from alive
full join released on alive.order_id = released.order_id
where not alive.line_count <=> released.line_count or not alive.lines_total <=> released.lines_total
