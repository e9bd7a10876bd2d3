{#- Fails on each field that documents have and their model does not declare (docs/documents.md): say severity warn, and nothing breaks. -#}
{% test no_unknown_fields(model) %}

select
    unknown_field,
    count(*) as documents
from (select explode(_unknown_fields) as unknown_field from {{ model }})
group by unknown_field

{% endtest %}
