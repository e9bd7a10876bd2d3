{#- A table: left alone if nothing that it is made of has changed (adapter: origin.py). Formats other than Delta are dbt-spark's. -#}
{% materialization table, adapter='comporta', supported_languages=['sql', 'python'] %}
    {%- if model.language != 'sql' or config.get('file_format') != 'delta' -%}
        {{ return(materialization_table_spark()) }}
    {%- endif -%}
    {%- set existing = load_relation(this) -%}
    {%- set note = adapter.origin(model, compiled_code) -%}
    {%- set released = adapter.released(model) if existing is none else none -%}
    {%- if is_unchanged(existing or released, note) -%}
        {{ return(leave_as_it_is(released)) }}
    {%- endif -%}
    {%- do say_why(note, 'built') -%}

    {{ run_hooks(pre_hooks) }}
    {%- do build_whole(existing, note) -%}
    {%- do apply_grants(this, config.get('grants'), should_revoke(existing, true)) -%}
    {%- do persist_docs(this, model) -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [this]}) }}
{% endmaterialization %}


{#- Whether the table is there, or a released one that stands in for it, and is what `note` would be built from. -#}
{% macro is_unchanged(existing, note) %}
    {{ return(existing is not none and existing.is_delta and not should_full_refresh() and adapter.built_from(existing, note)) }}
{% endmacro %}


{#- Log why a model can't be left alone, whatever has changed: it asks for the time, or reads what can't be known. -#}
{% macro say_why(note, done) %}
    {%- set reason = adapter.reason_each_time(note) -%}
    {%- if reason -%} {%- do log(model.name ~ ' is ' ~ done ~ ' at every run: ' ~ reason, info=true) -%} {%- endif -%}
{% endmacro %}


{#- What a materialization returns that does nothing, or, where the table is not there yet, no more than clone the released one. -#}
{% macro leave_as_it_is(released=none) %}
    {%- if released is not none -%}
        {%- do adapter.expect_few_rows() -%}
        {%- do begin_as_clone(released) -%}
    {%- endif -%}
    {%- set said = 'UNCHANGED' if released is none else 'UNCHANGED, CLONED' -%}
    {%- call noop_statement('main', said, 'UNCHANGED', 0) -%} -- nothing that it is made of has changed {%- endcall -%}
    {%- do adapter.forget(model) -%}
    {{ return({'relations': [this]}) }}
{% endmacro %}


{#- The table anew from the query, in one transaction: readers of the old one are not disturbed. -#}
{% macro build_whole(existing, note, unique_key=none) %}
    {%- if existing is not none and not existing.is_delta -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {#- Delta judges a constraint as it is added: until the last one is there, nothing may say that the table is as wanted. -#}
    {%- set constrained = config.get('contract').enforced and (model.constraints or model.columns.values() | selectattr('constraints') | list) -%}
    {%- do adapter.prepare(model, none if constrained else note) -%}
    {%- set query = in_order_of_keys(compiled_code, unique_key) if unique_key else compiled_code -%}
    {%- call statement('main') -%} {{ create_table_as(false, this, query, 'sql') }} {%- endcall -%}
    {%- do persist_constraints(this, model) -%}
    {%- if constrained -%} {%- do adapter.keep_note(this, note) -%} {%- endif -%}
{% endmacro %}
