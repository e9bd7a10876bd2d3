{#- At the start of a run that writes what is to be released: one writer at a time, and nothing that no release could show. -#}
{% macro begin_writing() %}
    {%- if execute and target.name != 'dev' and flags.WHICH in ['run', 'build', 'seed', 'snapshot', 'clone', 'retry'] -%}
        {%- set nodes = [] -%}
        {%- for number in selected_resources if number in graph.nodes -%} {%- do nodes.append(graph.nodes[number]) -%} {%- endfor -%}
        {%- do adapter.check_released(nodes, var('schema_prefix', '')) -%}
        {%- do adapter.begin_writing('dbt ' ~ flags.WHICH) -%}
    {%- endif -%}
{% endmacro %}
