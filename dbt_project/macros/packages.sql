{#-
  What packages ask of the database that Spark gives in another way. `adapter.dispatch` looks in this project before it looks in
  the package: these are found without a word in dbt_project.yml. docs/packages.md says which packages were tried.
-#}

{#-
  For dbt_utils' get_relations_by_pattern, get_relations_by_prefix and their kind. It asks an information_schema; here the catalog's
  names are put into the query. The patterns are those of `ilike`.
-#}
{% macro comporta__get_tables_by_pattern_sql(schema_pattern, table_pattern, exclude='', database=none) %}
    {%- set found = [] -%}
    {%- for schema in schemas_like(schema_pattern) if execute -%}
        {%- set place = adapter.quote(schema) -%}
        {%- set views = run_query('show views in ' ~ place).columns[1].values() | list -%}
        {%- for row in run_query('show tables in ' ~ place).rows if not row[2] -%}
            {%- do found.append([schema, row[1], 'view' if row[1] in views else 'table']) -%}
        {%- endfor -%}
    {%- endfor %}
    select table_schema, table_name, table_type from {{ rows_of(found, ['table_schema', 'table_name', 'table_type']) }}
    where table_name ilike {{ in_quotes(table_pattern) }} and table_name not ilike {{ in_quotes(exclude) }}
{% endmacro %}


{#- Names of the schemas that are like a pattern of `ilike`. -#}
{% macro schemas_like(pattern) %}
    {%- set rows = run_query('show schemas').rows if execute else [] -%}
    {%- set found = run_query('select name from ' ~ rows_of(rows, ['name']) ~ ' where name ilike ' ~ in_quotes(pattern)) -%}
    {{ return(found.columns[0].values() if found else []) }}
{% endmacro %}


{#- A table of a statement with these rows, all of them text. -#}
{% macro rows_of(rows, columns) -%}
    {%- set told = [] -%}
    {%- for row in rows -%}
        {%- set values = [] -%}
        {%- for value in row -%} {%- do values.append(in_quotes(value | string) | trim) -%} {%- endfor -%}
        {%- do told.append('(' ~ values | join(', ') ~ ')') -%}
    {%- endfor -%}
    {%- if told -%}
        values {{ told | join(', ') }} as listed ({{ columns | join(', ') }})
    {%- else -%}
        (select {% for name in columns %}'' as {{ name }}{{ ', ' if not loop.last }}{% endfor %} where false)
    {%- endif -%}
{%- endmacro %}


{#- dbt_utils' own, for a database it doesn't know, joins each row with itself: one that has a null anywhere is lost. -#}
{% macro comporta__deduplicate(relation, partition_by, order_by) %}
    select * from {{ relation }}
    qualify row_number() over (partition by {{ partition_by }} order by {{ order_by }}) = 1
{%- endmacro %}


{#- audit_helper: how many keys and rows of them have the row's status; Spark counts nothing distinct over a window. -#}
{% macro comporta___count_num_rows_in_status() %}
    {%- set order = ['dbt_audit_surrogate_key', 'dbt_audit_pk_row_num'] -%}
    dense_rank() over (partition by dbt_audit_row_status order by {{ order | join(', ') }})
    + dense_rank() over (partition by dbt_audit_row_status order by {{ order | join(' desc, ') }} desc) - 1
{%- endmacro %}


{#- audit_helper, which has it for databases with a hash of a whole table. Each row is counted on both sides. -#}
{% macro comporta__quick_are_queries_identical(query_a, query_b, columns, event_time) %}
    {%- set names = columns | join(', ') -%}
    {%- set bounds = audit_helper._get_comparison_bounds(query_a, query_b, event_time) if event_time else none -%}
    select count(*) = 0 as are_tables_identical
    from (
        select {{ names }}
        from (
            {%- for query in [query_a, query_b] %}
            select {{ names }}, {{ 1 if loop.first else -1 }} as _more
            from ({{ query }}) {{ audit_helper.event_time_filter(bounds) if bounds }}
            {{ 'union all' if loop.first }}
            {%- endfor %}
        )
        group by {{ names }}
        having sum(_more) <> 0
    )
{%- endmacro %}
