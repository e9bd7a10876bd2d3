{#- Query 12: late lines of urgent and other orders, by mode. SHIPMODE1 MAIL, SHIPMODE2 SHIP, DATE 1994-01-01. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

final as (
    select
        ship_mode,
        count(case when order_priority in ('1-URGENT', '2-HIGH') then 1 end) as high_line_count,
        count(case when order_priority not in ('1-URGENT', '2-HIGH') then 1 end) as low_line_count
    from order_lines
    where
        ship_mode in ('MAIL', 'SHIP')
        and commit_date < receipt_date
        and ship_date < commit_date
        and receipt_date >= date '1994-01-01'
        and receipt_date < date '1995-01-01'
    group by ship_mode
    order by ship_mode
)

select * from final
