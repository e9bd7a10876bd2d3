-- How far below the list price do we sell? Lines in EUR against the product's price on the day of the order, by year and category.
select
    extract(year from lines.order_date) as order_year,
    products.top_category_name,
    count(*) as order_lines,
    sum(lines.line_total) as charged,
    sum(lines.item_count * then_.list_price) as at_list_price,
    round(100.0 - 100.0 * sum(lines.line_total) / nullif(sum(lines.item_count * then_.list_price), 0), 1) as below_percent
from fct_order_lines as lines
inner join dim_products as products on lines.product_id = products.product_id
inner join dim_products_history as then_
    on lines.product_id = then_.product_id
    and lines.placed_at >= then_._valid_from
    and lines.placed_at < coalesce(then_._valid_to, timestamp '9999-01-01 00:00:00')
where lines.is_kept_sale and lines.currency = 'EUR'
group by extract(year from lines.order_date), products.top_category_name
order by order_year asc, below_percent desc
