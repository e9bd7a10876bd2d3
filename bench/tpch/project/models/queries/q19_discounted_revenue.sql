{#- Query 19: revenue of three kinds of parts, delivered by air and in person. BRAND 12, 23, 34; QUANTITY 1, 10, 20. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

parts as (
    select * from {{ ref('dim_parts') }}
),

final as (
    select sum(order_lines.net_price) as revenue
    from order_lines
    inner join parts on order_lines.part_id = parts.part_id
    where
        order_lines.ship_mode in ('AIR', 'AIR REG')
        and order_lines.ship_instruction = 'DELIVER IN PERSON'
        and (
            (
                parts.brand = 'Brand#12'
                and parts.container in ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG')
                and order_lines.quantity between 1 and 11
                and parts.part_size between 1 and 5
            )
            or (
                parts.brand = 'Brand#23'
                and parts.container in ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK')
                and order_lines.quantity between 10 and 20
                and parts.part_size between 1 and 10
            )
            or (
                parts.brand = 'Brand#34'
                and parts.container in ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG')
                and order_lines.quantity between 20 and 30
                and parts.part_size between 1 and 15
            )
        )
)

select * from final
