{#- At the start of a run that writes what is to be released: one writer at a time (adapter: begin_writing). -#}
{% macro begin_writing() %}
    {%- if execute and target.name != 'dev' and flags.WHICH in ['run', 'build', 'seed', 'snapshot', 'clone', 'retry'] -%}
        {%- do adapter.begin_writing('dbt ' ~ flags.WHICH) -%}
    {%- endif -%}
{% endmacro %}
