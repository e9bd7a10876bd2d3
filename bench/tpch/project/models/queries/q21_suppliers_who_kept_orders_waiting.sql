{#- Query 21: who alone was late in an order of several suppliers. NATION SAUDI ARABIA. -#}
with order_lines as (
    select * from {{ ref('fct_order_lines') }}
),

suppliers as (
    select * from {{ ref('dim_suppliers') }}
),

final as (
    select
        suppliers.supplier_name,
        count(*) as waiting_count
    from order_lines
    inner join suppliers on order_lines.supplier_id = suppliers.supplier_id
    where
        order_lines.order_status = 'F'
        and order_lines.receipt_date > order_lines.commit_date
        and suppliers.nation_name = 'SAUDI ARABIA'
        and exists (
            select 1 from order_lines as others
            where others.order_id = order_lines.order_id and others.supplier_id <> order_lines.supplier_id
        )
        and not exists (
            select 1 from order_lines as others
            where
                others.order_id = order_lines.order_id
                and others.supplier_id <> order_lines.supplier_id
                and others.receipt_date > others.commit_date
        )
    group by suppliers.supplier_name
    order by waiting_count desc, suppliers.supplier_name asc
    limit 100
)

select * from final
