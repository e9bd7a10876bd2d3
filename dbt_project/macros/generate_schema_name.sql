{#- A layer is a schema, the same for everyone: the folder's `schema` is used as it stands, without the target's as a prefix. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
