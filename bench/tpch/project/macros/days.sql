{#- Query: each day from `first` to `last`, both ISO dates, as `day`. The one thing that the two engines write differently. -#}
{% macro days(first, last) -%}
    {{ adapter.dispatch('days')(first, last) }}
{%- endmacro %}


{% macro spark__days(first, last) -%}
    select explode(sequence(date '{{ first }}', date '{{ last }}', interval 1 day)) as day
{%- endmacro %}


{% macro duckdb__days(first, last) -%}
    select cast(unnest(generate_series(date '{{ first }}', date '{{ last }}', interval 1 day)) as date) as day
{%- endmacro %}
