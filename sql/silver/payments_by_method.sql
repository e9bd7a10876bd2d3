-- How are orders paid, and how much goes back? By method and currency of the order.
select
    payments.payment_method,
    orders.currency,
    count(*) as payments,
    sum(payments.paid_amount) as paid,
    sum(case when payments.refunded_at is not null then payments.paid_amount else 0 end) as refunded,
    round(100.0 * count(payments.refunded_at) / count(*), 1) as refunded_percent
from int_payments__current as payments
inner join int_orders__current as orders on payments.order_id = orders.order_id
where not payments._is_deleted and not orders._is_deleted
group by payments.payment_method, orders.currency
order by paid desc
