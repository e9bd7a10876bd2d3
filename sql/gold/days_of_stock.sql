-- What runs out? Products in the shop by the days that their stock lasts at the pace of the last 90 days of orders.
with newest as (
    select max(order_date) as last_date
    from fct_order_lines
),

sold as (
    select
        lines.product_id,
        sum(lines.item_count) as sold_90
    from fct_order_lines as lines
    cross join newest
    where lines.is_sale and lines.order_date > newest.last_date - interval '90' day
    group by lines.product_id
)

select
    products.sku,
    products.product_name,
    products.top_category_name,
    stock.on_hand,
    sold.sold_90,
    round(stock.on_hand * 90.0 / sold.sold_90, 1) as days_left
from rpt_stock_on_hand as stock
inner join dim_products as products on stock.product_id = products.product_id
inner join sold on stock.product_id = sold.product_id
where products.is_available and sold.sold_90 > 0
order by days_left asc, products.sku asc
limit 100
