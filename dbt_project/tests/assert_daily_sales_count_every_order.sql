-- The report adds up to the fact that it is made of: no order lost or counted twice by grouping.
select
    reported.orders as reported_orders,
    counted.orders as counted_orders
from (select coalesce(sum(orders), 0) as orders from {{ ref('rpt_daily_sales') }}) as reported
cross join (select count(*) as orders from {{ ref('fct_orders') }} where is_sale) as counted
where reported.orders <> counted.orders
