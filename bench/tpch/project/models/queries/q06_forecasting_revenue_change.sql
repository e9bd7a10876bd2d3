{#- Query 6: what small discounts cost. DATE 1994-01-01, DISCOUNT 0.06, QUANTITY 24. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

final as (
    select sum(extended_price * discount_rate) as revenue
    from order_lines
    where
        ship_date >= date '1994-01-01'
        and ship_date < date '1995-01-01'
        and discount_rate between 0.05 and 0.07
        and quantity < 24
)

select * from final
