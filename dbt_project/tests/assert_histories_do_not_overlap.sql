-- A period of a key ends before its next one begins, and does not end before it began.
{% for history, key in [('int_customers__history', 'customer_id'), ('int_products__history', 'product_id'),
                        ('dim_customers_history', 'customer_id'), ('dim_products_history', 'product_id')] %}
select '{{ history }}' as history, {{ key }} as id, _valid_from, _valid_to
from (
    select *, lead(_valid_from) over (partition by {{ key }} order by _valid_from) as _next_from
    from {{ ref(history) }}
)
where _valid_to <= _valid_from or coalesce(_valid_to, timestamp '9999-12-31') > _next_from
{{ 'union all' if not loop.last }}
{% endfor %}
