{#- Query 10: the twenty customers who sent back most. DATE 1993-10-01. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

customers as (
    select * from {{ ref('dim_customers') }}
),

final as (
    select
        customers.customer_id,
        customers.customer_name,
        sum(order_lines.net_price) as revenue,
        customers.account_balance,
        customers.nation_name,
        customers.address,
        customers.phone,
        customers.remark
    from order_lines
    inner join customers on order_lines.customer_id = customers.customer_id
    where
        order_lines.order_date >= date '1993-10-01'
        and order_lines.order_date < date '1994-01-01'
        and order_lines.return_flag = 'R'
    group by
        customers.customer_id,
        customers.customer_name,
        customers.account_balance,
        customers.phone,
        customers.nation_name,
        customers.address,
        customers.remark
    order by revenue desc, customers.customer_id asc
    limit 20
)

select * from final
