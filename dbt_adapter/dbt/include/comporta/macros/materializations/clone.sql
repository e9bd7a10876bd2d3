{#- `dbt clone --full-refresh`: Delta puts no clone in the place of a table that has rows, so the old one goes first. -#}
{% macro comporta__create_or_replace_clone(this_relation, defer_relation) %}
    {%- set existing = load_relation(this_relation) -%}
    {%- if existing is not none -%} {%- do adapter.drop_relation(existing) -%} {%- endif %}
    create table {{ this_relation }} shallow clone {{ defer_relation }}
{% endmacro %}


{#- The model's table, which is not there yet, as a clone of what is released: it shares the files, and a merge may go on from there. -#}
{% macro begin_as_clone(released) %}
    {%- do run_query('create table ' ~ this ~ ' shallow clone ' ~ adapter.to_clone(released)) -%}
    {%- set made = this.incorporate(type='table') -%}
    {%- do adapter.cache_added(made) -%}
    {{ return(made) }}
{% endmacro %}
