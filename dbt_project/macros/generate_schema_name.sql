{#-
  A layer is a schema, the same for everyone: the folder's `schema` is used as it stands, without the target's as a prefix.
  Tests set the variable `schema_prefix` to build beside the real layers.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ var('schema_prefix') }}{{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
