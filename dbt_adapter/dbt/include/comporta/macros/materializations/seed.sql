{#-
  A seed: its rows exactly as the file has them (adapter: seed.py), in place of the old ones in one commit. What fails leaves what was there.
  Without `file_format` it is a Delta table.
-#}
{% materialization seed, adapter='comporta' %}
    {%- set existing = load_relation(this) -%}
    {%- if existing is not none and existing.is_view -%}
        {%- do exceptions.raise_compiler_error(this ~ ' is a view (wanted: a table, or nothing, to load the seed into). Drop it') -%}
    {%- endif -%}
    {%- set seed = adapter.read_seed(model) -%}
    {%- do store_result('agate_table', response='OK', agate_table=seed.table) -%}
    {{ run_hooks(pre_hooks) }}
    {%- set rows = seed_rows(seed) -%}
    {%- set format = config.get('file_format') or 'delta' -%}
    {%- set is_replaced = format == 'delta' and (existing is none or existing.is_delta) -%}
    {%- if existing is not none and not is_replaced -%}
        {#- Nothing but Delta replaces a table in one step: at least each value is tried before the old one goes. -#}
        {%- do run_query('select bit_xor(xxhash64(*)) from (' ~ rows ~ ')') -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- set count = seed.table.rows | length -%}
    {%- call statement('main') %}
        create {{ 'or replace' if is_replaced }} table {{ this }}
        using {{ format }}
        {{ options_clause() }}
        {{ seed_properties(seed) if format == 'delta' else tblproperties_clause() }}
        {{ partition_cols(label='partitioned by') }}
        {{ clustered_cols(label='clustered by') }}
        {{ location_clause() }}
        {{ comment_clause() }}
        as
        {{ rows }}
    {%- endcall -%}
    {%- call noop_statement('main', ('CREATE ' if should_full_refresh() else 'INSERT ') ~ count, 'INSERT', count) -%}
        -- {{ count }} rows of {{ model.original_file_path }}
    {%- endcall -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- do apply_grants(target, config.get('grants'), should_revoke(existing, should_full_refresh())) -%}
    {%- do persist_docs(target, model) -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{#- Query of the seed's rows. Long ones are put together from temporary views, since a statement has an end. -#}
{% macro seed_rows(seed) %}
    {%- set parts = [] -%}
    {%- for part in seed.parts -%}
        {%- set rows = "select explode(from_json(" ~ part ~ ", 'array<array<string>>')) as r" -%}
        {%- if seed.parts | length > 1 -%}
            {%- set name = adapter.quote(this.identifier ~ '__dbt_part_' ~ loop.index) -%}
            {%- do run_query('create or replace temporary view ' ~ name ~ ' as ' ~ rows) -%}
            {%- set rows = 'select r from ' ~ name -%}
        {%- endif -%}
        {%- do parts.append(rows) -%}
    {%- endfor -%}
    {{ return('select\n' ~ seed.columns | join(',\n') ~ '\nfrom (\n' ~ parts | join('\nunion all\n') ~ '\n)') }}
{% endmacro %}


{#- The table's properties: names that Parquet can't have are kept by column mapping. -#}
{% macro seed_properties(seed) %}
    {%- set properties = {'delta.columnMapping.mode': 'name'} if seed.has_odd_names else {} -%}
    {%- do properties.update(config.get('tblproperties') or {}) -%}
    {%- set told = [] -%}
    {%- for name, value in properties.items() -%}
        {%- do told.append(in_quotes(name) ~ ' = ' ~ in_quotes(value | string)) -%}
    {%- endfor -%}
    {{ return('tblproperties (' ~ told | join(', ') ~ ')' if told else '') }}
{% endmacro %}
