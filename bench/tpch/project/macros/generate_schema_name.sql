{#- Staging, star and queries are schemas of their own, the same on both engines. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ var('prefix') }}{{ custom_schema_name or target.schema }}
{%- endmacro %}
