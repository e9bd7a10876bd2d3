{#-
  The merge of every incremental model, in place of dbt-spark's: a row without its key is refused, and a tombstone
  (a source row with `_is_deleted`) does what `meta.on_tombstone` says:

    keep    the row stays, marked deleted. A tombstone without values (`_op` = 'd') leaves the values that are there.
    delete  the row leaves the table; a tombstone whose row is not there inserts nothing.
    ignore  there are none: the query has no `_is_deleted`.

  `meta.union_columns` names arrays that gather over time: old and new elements, instead of the new ones alone.
  dbt's own `merge_update_columns` and `merge_exclude_columns` say which columns of a row that is there may change.
-#}
{% macro spark__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
    {%- set meta = config.get('meta', {}) -%}
    {%- set on_tombstone = meta.get('on_tombstone') -%}
    {%- if on_tombstone not in ['keep', 'delete', 'ignore'] -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ ": meta.on_tombstone is " ~ on_tombstone ~ " (wanted: keep, delete or ignore). Set it in dbt_project.yml."
        ) -%}
    {%- endif -%}
    {%- if not unique_key -%}
        {%- do exceptions.raise_compiler_error(model.name ~ ": a merge needs a unique_key. Set it in the model's config.") -%}
    {%- endif -%}
    {%- set conditions = [] + (incremental_predicates or []) -%}
    {%- for column in adapter.named(unique_key) -%}
        {%- set refusal = 'raise_error(' ~ in_quotes(model.name ~ ': a row has no ' ~ adapter.unquoted(column) ~ ', which is part of its key') ~ ')' -%}
        {%- do conditions.append('coalesce(DBT_INTERNAL_SOURCE.' ~ column ~ ', ' ~ refusal ~ ') = DBT_INTERNAL_DEST.' ~ column) -%}
    {%- endfor %}

    merge into {{ target }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on {{ conditions | join('\n        and ') }}
    {%- if on_tombstone == 'delete' %}
    when matched and DBT_INTERNAL_SOURCE._is_deleted then delete
    {%- elif on_tombstone == 'keep' %}
    when matched and DBT_INTERNAL_SOURCE._is_deleted and DBT_INTERNAL_SOURCE._op = 'd' then update set
        {%- for column in ['_batch_id', '_ingested_at', '_is_deleted', '_source_lsn'] %}
        {{ column }} = DBT_INTERNAL_SOURCE.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    {%- endif %}
    when matched then update set {{ merge_assignments(target, meta.get('union_columns', [])) }}
    when not matched {{ 'and not DBT_INTERNAL_SOURCE._is_deleted' if on_tombstone == 'delete' }} then insert *
{% endmacro %}


{#- What an update sets: every column, or each by name where some are unions or stay as they are. The table knows all names; YAML may not. -#}
{% macro merge_assignments(target, union_columns) -%}
    {%- set updated, kept = config.get('merge_update_columns'), config.get('merge_exclude_columns') -%}
    {%- if updated and kept -%}
        {%- do exceptions.raise_compiler_error(model.name ~ ': merge_update_columns and merge_exclude_columns are both set. Keep one') -%}
    {%- elif not union_columns and not updated and not kept -%}
        *
    {%- else -%}
        {%- set columns = updated or adapter.get_columns_in_relation(target) | map(attribute='name') | list -%}
        {%- set gathered = adapter.columns(union_columns) | map('lower') | list -%}
        {%- set left = adapter.columns(kept or []) | map('lower') | list -%}
        {%- for column in adapter.columns(columns) if column | lower not in left %}
        {{ column }} = {% if column | lower in gathered -%}
            array_sort(array_union(DBT_INTERNAL_DEST.{{ column }}, DBT_INTERNAL_SOURCE.{{ column }}))
        {%- else -%}
            DBT_INTERNAL_SOURCE.{{ column }}
        {%- endif -%}
        {{ ',' if not loop.last }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
