{#- Query 14: the share of revenue from promoted parts. DATE 1995-09-01. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

parts as (
    select * from {{ ref('dim_parts') }}
),

final as (
    select
        100.0e0 * cast(sum(case when parts.part_type like 'PROMO%' then order_lines.net_price else 0 end) as double)
        / cast(sum(order_lines.net_price) as double) as promo_revenue
    from order_lines
    inner join parts on order_lines.part_id = parts.part_id
    where order_lines.ship_date >= date '1995-09-01' and order_lines.ship_date < date '1995-10-01'
)

select * from final
