{#- Query 1: lines shipped up to 90 days before 1998-12-01. DELTA 90. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

final as (
    select
        return_flag,
        line_status,
        sum(quantity) as total_quantity,
        sum(extended_price) as base_price,
        sum(net_price) as discounted_price,
        sum(net_price * (1 + tax_rate)) as charge,
        avg(cast(quantity as double)) as average_quantity,
        avg(cast(extended_price as double)) as average_price,
        avg(cast(discount_rate as double)) as average_discount,
        count(*) as line_count
    from order_lines
    where ship_date <= date '1998-09-02'
    group by return_flag, line_status
    order by return_flag, line_status
)

select * from final
