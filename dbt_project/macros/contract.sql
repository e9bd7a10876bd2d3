{#-
  Contract check with exact types. dbt-spark compares the names that the driver gives to types, where every decimal is
  DECIMAL_TYPE; `describe query` tells decimal(14,2) from decimal(18,2), runs no job, and is one statement instead of two.
-#}
{% macro spark__get_assert_columns_equivalent(sql) %}
    {%- set seen = [] -%}
    {%- for row in run_query('describe query ' ~ sql).rows -%}
        {%- do seen.append(row[0] | lower ~ ' ' ~ row[1] | lower) -%}
    {%- endfor -%}
    {%- set wanted = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do wanted.append(column.name | lower ~ ' ' ~ column.data_type | lower | replace(' ', '')) -%}
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


{#- `not_null` of a column as a check: Delta makes no column of a table that is there `not null`, as dbt-spark has it from Databricks. -#}
{% macro comporta__alter_column_set_constraints(relation, column_dict) %}
    {%- for column in column_dict.values() -%}
        {%- for constraint in column.constraints -%}
            {%- if constraint.type != 'not_null' -%}
                {{ exceptions.warn('Column ' ~ column.name ~ ' has a constraint of the type ' ~ constraint.type ~ ', which is not enforced: only not_null is.') }}
            {%- else -%}
                {%- set name = adapter.quote(column.name) if column.quote else column.name -%}
                {%- call statement() -%}
                    alter table {{ relation }} add constraint {{ adapter.quote('not_null_' ~ column.name) }} check ({{ name }} is not null)
                {%- endcall -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
