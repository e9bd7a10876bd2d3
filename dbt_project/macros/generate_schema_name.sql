{#-
  A layer is a schema, the same for everyone: the folder's `schema` is used as it stands, without the target's as a prefix.
  In the target `dev` each person has schemas of their own: dev_ana_silver, dev_ana_gold.
  Tests set the variable `schema_prefix` to build beside the real layers.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if target.name == 'dev' -%}
        {{ target.schema }}{{ '_' ~ custom_schema_name | trim | replace('_candidate', '') if custom_schema_name }}
    {%- else -%}
        {{ var('schema_prefix') }}{{ (custom_schema_name or target.schema) | trim }}
    {%- endif -%}
{%- endmacro %}
