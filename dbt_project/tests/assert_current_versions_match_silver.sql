-- What a history calls current is what the table of latest versions holds: no key more, none less, none with other values.
{% for entity, columns in [('customers', 'customer_id, email, country_code, is_vip, credit_limit, tags, deleted_at'),
                           ('products', 'product_id, product_name, category_id, list_price, is_active, deleted_at')] %}
    {% set key = columns.split(',')[0] %}
    {% set latest = 'select ' ~ columns ~ ' from ' ~ ref('int_' ~ entity ~ '__current') ~ ' where not _is_deleted' %}
    {% set current = 'select ' ~ columns ~ ' from ' ~ ref('int_' ~ entity ~ '__history') ~ ' where _is_current' %}
    select '{{ entity }}' as entity, cast({{ key }} as string) as id, 'not in the history' as said
    from ({{ latest }} except {{ current }})
    union all
    select '{{ entity }}', cast({{ key }} as string), 'in the history alone' from ({{ current }} except {{ latest }})
{{ 'union all' if not loop.last }}
{% endfor %}
