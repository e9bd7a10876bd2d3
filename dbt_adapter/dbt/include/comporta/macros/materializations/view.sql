{#- A view: made again only if its query, its description or the columns below it have changed. -#}
{% materialization view, adapter='comporta' %}
    {%- set existing = load_relation(this) -%}
    {%- set stamp = adapter.stamp_of_view(model) -%}
    {%- if existing is not none and existing.is_view and stamp and adapter.is_view_of(this, compiled_code, stamp) -%}
        {{ return(leave_as_it_is()) }}
    {%- endif -%}
    {%- set made = create_or_replace_view() -%}
    {%- do adapter.note_view(this, compiled_code, stamp) -%}
    {{ return(made) }}
{% endmaterialization %}


{% macro comporta__create_view_as(relation, sql) -%}
    create or replace view {{ relation }}
    {%- if config.persist_column_docs() %}
    ({{ columns_with_comments(model.columns, get_columns_in_query(sql)) }})
    {%- endif %}
    {{ comment_clause() }}
    {%- if config.get('contract').enforced %}
        {{- get_assert_columns_equivalent(sql) -}}
    {%- endif %}
    tblproperties ('comporta.stamp' = '{{ adapter.stamp_of_view(model) or '' }}')
    as
    {{ sql }}
{%- endmacro %}
