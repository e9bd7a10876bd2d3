{#- dbt's macros of names, literals and fixtures, exact where dbt-spark's are not. -#}

{#- Names of columns as SQL has them, separated by commas. -#}
{% macro quoted(names) -%}
    {{- adapter.named(names) | join(', ') -}}
{%- endmacro %}


{#- A backslash begins something in a text of Spark's: one that is meant is written twice. -#}
{% macro comporta__escape_single_quotes(expression) -%}
{{ expression | replace('\\', '\\\\') | replace("'", "\\'") }}
{%- endmacro %}


{#- A row of a unit test's fixture, each value as a literal of its column's type (adapter: fixture.py). -#}
{% macro format_row(row, column_name_to_data_types) -%}
    {%- set found = {} -%}
    {%- for name, value in row.items() -%}
        {%- set name = name | lower -%}
        {%- if name not in column_name_to_data_types -%}
            {%- set fixture = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" -%}
            {{ exceptions.raise_compiler_error(
                "Invalid column name: '" ~ name ~ "' in unit test fixture for " ~ fixture ~ "."
                "\nAccepted columns for " ~ fixture ~ " are: " ~ (column_name_to_data_types.keys() | list)
            ) }}
        {%- endif -%}
        {%- do found.update({name: adapter.fixture(name, value, column_name_to_data_types[name])}) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{#- A test's query: where it ends is for us to say. -#}
{% macro comporta__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {{ default__get_test_sql(adapter.without_end(main_sql), fail_calc, warn_if, error_if, limit) }}
{%- endmacro %}


{#- Columns by which a table is parted; what is no name is left as it is written. -#}
{% macro comporta__partition_cols(label, required=false) %}
    {%- set columns = config.get('partition_by', validator=validation.any[list, basestring]) -%}
    {%- if columns is not none %}
    {{ label }} ({{ adapter.named(columns) | join(', ') }})
    {%- endif %}
{%- endmacro %}


{% macro comporta__alter_column_type(relation, column_name, new_column_type) -%}
    {%- call statement('alter_column_type') -%}
        alter table {{ relation }} alter column {{ adapter.named(column_name)[0] }} type {{ new_column_type }}
    {%- endcall -%}
{% endmacro %}
