{#- Query 17: yearly revenue of lines far smaller than usual. BRAND Brand#23, CONTAINER MED BOX. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

parts as (
    select * from {{ ref('dim_parts') }}
),

final as (
    select cast(sum(order_lines.extended_price) as double) / 7.0e0 as average_yearly
    from order_lines
    inner join parts on order_lines.part_id = parts.part_id
    where
        parts.brand = 'Brand#23'
        and parts.container = 'MED BOX'
        and cast(order_lines.quantity as double) < (
            select 0.2e0 * avg(cast(others.quantity as double)) from order_lines as others where others.part_id = parts.part_id
        )
)

select * from final
