{#-
  Contract check with exact types. dbt-spark compares the names that the driver gives to types, where every decimal is
  DECIMAL_TYPE; `describe query` tells decimal(14,2) from decimal(18,2), runs no job, and is one statement instead of two.
  A type has many names (`integer`, `int`), which are one.
-#}
{% macro spark__get_assert_columns_equivalent(sql) %}
    {%- set seen = [] -%}
    {%- for name, kind in adapter.columns_of_query(sql) -%}
        {%- do seen.append(name | lower ~ ' ' ~ adapter.one_name(kind)) -%}
    {%- endfor -%}
    {%- set wanted = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do wanted.append(adapter.unquoted(column.name) | lower ~ ' ' ~ adapter.one_name(column.data_type)) -%}
    {%- endfor -%}
    {%- set missing = wanted | reject('in', seen) | list -%}
    {%- set unexpected = seen | reject('in', wanted) | list -%}
    {%- if missing or unexpected -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ ': the query does not give what the contract promises. Promised, not given: '
            ~ (missing | join(', ') or 'none') ~ '. Given, not promised: ' ~ (unexpected | join(', ') or 'none')
            ~ '. Change the model or the columns in ' ~ model.patch_path ~ '.'
        ) -%}
    {%- endif -%}
{% endmacro %}


{#- A contract's columns, in its order; dbt quotes those alone that say `quote: true`. -#}
{% macro comporta__get_column_names() %}
    {{- adapter.columns(model.columns.values() | map(attribute='name')) | join(', ') -}}
{% endmacro %}


{#- Checks of the table, under names of their own where they have none; dbt-spark's macro quotes none. -#}
{% macro spark__alter_table_add_constraints(relation, constraints) %}
    {%- for constraint in constraints if constraint.type == 'check' and not is_incremental() -%}
        {%- set name = constraint.name or 'check_' ~ local_md5(constraint.expression ~ ';' ~ loop.index) -%}
        {%- call statement() -%}
            alter table {{ relation }} add constraint {{ adapter.columns([name])[0] }} check ({{ constraint.expression }})
        {%- endcall -%}
    {%- endfor -%}
{% endmacro %}


{#- `not_null` of a column as a check: Delta makes no column of a table that is there `not null`, as dbt-spark has it from Databricks. -#}
{% macro comporta__alter_column_set_constraints(relation, column_dict) %}
    {%- for column in column_dict.values() -%}
        {%- for constraint in column.constraints -%}
            {%- if constraint.type != 'not_null' -%}
                {{ exceptions.warn('Column ' ~ column.name ~ ' has a constraint of the type ' ~ constraint.type ~ ', which is not enforced: only not_null is.') }}
            {%- else -%}
                {%- call statement() -%}
                    alter table {{ relation }} add constraint {{ adapter.quote('not_null_' ~ adapter.unquoted(column.name)) }} check ({{ adapter.columns([column.name])[0] }} is not null)
                {%- endcall -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
