{#-
  An incremental model: left alone if nothing that it is made of has changed, merged from its new batches if its inputs only grew,
  fully refreshed otherwise. What it was built from is noted in the commit that writes it (adapter: origin.py).
  Strategies other than merge, and formats other than Delta, are dbt-spark's.
-#}
{% materialization incremental, adapter='comporta', supported_languages=['sql', 'python'] %}
    {%- set strategy = config.get('incremental_strategy') or 'append' -%}
    {%- if model.language != 'sql' or strategy != 'merge' or config.get('file_format') != 'delta' -%}
        {{ return(materialization_incremental_spark()) }}
    {%- endif -%}
    {%- set existing = load_relation(this) -%}
    {%- set note = adapter.origin(model, query_of_whole()) -%}
    {%- set released = adapter.released(model) if existing is none and is_ours() else none -%}
    {%- if is_unchanged(existing or released, note) -%}
        {{ return(leave_as_it_is(released)) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks) }}
    {%- if is_incremental() -%}
        {%- do say_why(note, 'merged') -%}
        {%- if existing is none -%} {%- set existing = begin_as_clone(released) -%} {%- endif -%}
        {%- do adapter.prepare(model, note, this) -%}
        {%- do check_columns(existing) -%}
        {%- set bounds = bounds_of_keys(config.get('unique_key')) -%}
        {%- set predicates = (config.get('incremental_predicates') or config.get('predicates') or []) + bounds.target -%}
        {%- set source = bounded(compiled_code, bounds.source) -%}
        {%- if adapter.reads_itself(model, compiled_code) -%} {%- set source = in_a_view(source) -%} {%- endif -%}
        {%- call statement('main') -%}
            {{ get_merge_sql(this, source, config.get('unique_key'), none, predicates) }}
        {%- endcall -%}
        {%- do adapter.keep_note(this, note) -%}
    {%- else -%}
        {%- set reason = 'its table is not there yet' if existing is none
            else '--full-refresh asks for it' if should_full_refresh()
            else 'it is no table yet' if existing.type != 'table'
            else adapter.plan(model, this).reason -%}
        {%- do log(model.name ~ ' needs a full refresh: ' ~ reason, info=(existing is not none and not should_full_refresh())) -%}
        {%- do build_whole(existing, note, config.get('unique_key')) -%}
    {%- endif -%}
    {%- do adapter.forget(model) -%}
    {%- do apply_grants(this, config.get('grants'), should_revoke(existing, should_full_refresh())) -%}
    {%- do persist_docs(this, model) -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [this]}) }}
{% endmaterialization %}


{#-
  What a merge into a large table says of its keys, so that Delta skips the files that can't hold them: `target`, predicates on the
  table, and `source`, what is put behind the query. Both, since the query is asked twice: a row that came meanwhile is for the next run.
-#}
{% macro bounds_of_keys(unique_key) %}
    {%- set keys = adapter.keys_that_skip_files(this, unique_key, var('large_table_bytes', 67108864)) if unique_key else {} -%}
    {%- set ends, target, source = [], [], [] -%}
    {%- for name in adapter.columns(keys) -%}
        {%- do ends.append('cast(min(' ~ name ~ ') as string), cast(max(' ~ name ~ ') as string)') -%}
    {%- endfor -%}
    {%- set found = run_query('select ' ~ ends | join(', ') ~ ' from (\n' ~ compiled_code ~ '\n)').rows[0] if ends else [] -%}
    {%- for column, kind in keys.items() -%}
        {%- set name = adapter.quote(column) -%}
        {%- set least, most = found[2 * loop.index0], found[2 * loop.index0 + 1] -%}
        {%- if least is not none -%}
            {%- set between = name ~ " between cast('" ~ least ~ "' as " ~ kind ~ ") and cast('" ~ most ~ "' as " ~ kind ~ ")" -%}
            {%- do target.append('DBT_INTERNAL_DEST.' ~ between) -%}
            {%- do source.append('(' ~ between ~ ' or ' ~ name ~ ' is null)') -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return({'target': target, 'source': source}) }}
{% endmacro %}


{#- A view of this session for what a merge takes: where the query reads the table that is merged into, Delta may refuse it as it stands. -#}
{% macro in_a_view(source) %}
    {%- set view = this.incorporate(path={'identifier': this.identifier ~ '__dbt_source'}).include(database=false, schema=false) -%}
    {%- do run_query(create_temporary_view(view, 'select * from ' ~ source)) -%}
    {{ return(view) }}
{% endmacro %}


{#-
  The query of a large table that merges go into, with rows near in their keys in one file: a merge then finds few files that may hold
  its keys, and few are written anew.
-#}
{% macro in_order_of_keys(query, unique_key) %}
    {%- set key = adapter.key_for_files(model, unique_key, query, var('large_table_bytes', 67108864)) -%}
    {{ return('select /*+ repartition_by_range(' ~ adapter.named(key) | join(', ') ~ ') */ * from (\n' ~ query ~ '\n)' if key else query) }}
{% endmacro %}


{#- A query with conditions on its rows, as a table of a statement. -#}
{% macro bounded(query, conditions) -%}
    {%- if conditions -%}
        (select * from (
{{ query }}
        ) where {{ conditions | join(' and ') }})
    {%- else -%}
        (
{{ query }}
        )
    {%- endif -%}
{%- endmacro %}


{#- The model's query as it builds the table whole: the one that a merge and a build have in common. -#}
{% macro query_of_whole() %}
    {%- if adapter.has_ephemeral_parents(model) -%} {{ return(compiled_code) }} {%- endif -%}
    {%- do adapter.look_at_whole(model, true) -%}
    {%- set whole = render(model.raw_code) -%}
    {%- do adapter.look_at_whole(model, false) -%}
    {{ return(whole) }}
{% endmacro %}


{#-
  dbt's own condition, and ours: the model is as it was, and its inputs have only grown since its table was built.
  A unit test has no table unless it gives one.
-#}
{% macro is_incremental() %}
    {%- if not execute or this is none -%} {{ return(false) }} {%- endif -%}
    {%- set relation = load_relation(this) or (adapter.released(model) if is_ours() else none) -%}
    {%- if relation is none or relation.type != 'table' or model.config.materialized != 'incremental' or should_full_refresh() -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(not is_ours() or not adapter.plan(model, relation).reason) }}
{% endmacro %}


{#-
  Whether what its table was built from decides how the model is built. With `full_refresh: false` its owner decides: the table may
  hold what its inputs no longer do, so it is merged each time, as dbt does it, and never fully refreshed.
-#}
{% macro is_ours() %}
    {{ return(
        config.get('incremental_strategy') == 'merge' and config.get('file_format') == 'delta' and model.language == 'sql'
        and config.get('full_refresh') is not false
    ) }}
{% endmacro %}


{#-
  Before a merge: the query gives the columns that the table has. A contract says so already; without one,
  `on_schema_change` says what to do with others.
-#}
{% macro check_columns(existing) %}
    {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(compiled_code) -%}
    {%- elif on_schema_change in ['append_new_columns', 'sync_all_columns'] -%}
        {%- set source = this.incorporate(path={'identifier': this.identifier ~ '__dbt_tmp'}).include(database=false, schema=false) -%}
        {%- do run_query(create_temporary_view(source, compiled_code)) -%}
        {%- do process_schema_changes(on_schema_change, source, existing) -%}
    {%- elif on_schema_change == 'fail' -%}
        {%- set held = adapter.columns_of(this) | map('lower') | list -%}
        {%- set given = [] -%}
        {%- for name, kind in adapter.columns_of_query(compiled_code) -%}
            {%- do given.append((name ~ ' ' ~ kind) | lower) -%}
        {%- endfor -%}
        {%- set more, less = given | reject('in', held) | list, held | reject('in', given) | list -%}
        {%- if more or less -%}
            {%- do exceptions.raise_compiler_error(
                model.name ~ ': the query does not give the columns that the table has. Given, not in the table: '
                ~ (more | join(', ') or 'none') ~ '. In the table, not given: ' ~ (less | join(', ') or 'none')
                ~ '. Build it whole with dbt run --full-refresh --select ' ~ model.name
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
