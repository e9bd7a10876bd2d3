{#- `dbt clone --full-refresh`: Delta puts no clone in the place of a table that has rows, so the old one goes first. -#}
{% macro comporta__create_or_replace_clone(this_relation, defer_relation) %}
    {%- set existing = load_relation(this_relation) -%}
    {%- if existing is not none -%} {%- do adapter.drop_relation(existing) -%} {%- endif %}
    create table {{ this_relation }} shallow clone {{ defer_relation }}
{% endmacro %}
