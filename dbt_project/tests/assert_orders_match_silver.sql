-- Gold holds exactly the orders that are alive in silver: none forgotten, none left behind after a deletion.
with alive as (
    select order_id from {{ ref('int_orders__current') }} where not _is_deleted
)

select
    alive.order_id as silver_order_id,
    fct_orders.order_id as gold_order_id
from alive
full join {{ ref('fct_orders') }} as fct_orders on alive.order_id = fct_orders.order_id
where alive.order_id is null or fct_orders.order_id is null
