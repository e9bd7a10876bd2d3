{# Descriptions as comments in the catalog. dbt-spark's own macros escape quotes alone, and Spark follows what a backslash begins. #}

{% macro in_quotes(text) -%}
  {{- adapter.literal(text) -}}
{%- endmacro %}

{% macro comporta__comment_clause() -%}
  {%- set asked = config.get('persist_docs', {}) -%}
  {%- if asked is not mapping and asked -%}
    {{ exceptions.raise_compiler_error("Invalid value provided for 'persist_docs'. Expected dict but got value: " ~ asked) }}
  {%- elif asked and asked.get('relation', false) %}
    comment {{ in_quotes(model.description) }}
  {% endif %}
{%- endmacro %}

{# As dbt-spark's, and of fields too, which YAML names by a path: `address.city`. #}
{% macro comporta__persist_docs(relation, model, for_relation, for_columns) -%}
  {% if for_columns and config.persist_column_docs() and model.columns %}
    {% set wanted = adapter.comments_to_write(relation, model.columns) %}
    {% if wanted.others %}
      {% set names = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
      {% do alter_column_comment(relation, validate_doc_columns(relation, wanted.others, names)) %}
    {% endif %}
    {% do alter_column_comment(relation, wanted.nested) %}
  {% endif %}
{% endmacro %}

{% macro comporta__alter_column_comment(relation, column_dict) %}
  {% for name, column in column_dict.items() %}
    {% do run_query("alter table " ~ relation ~ " change column " ~ (name if name.startswith('`') else adapter.quote(name)) ~ " comment " ~ in_quotes(column.description)) %}
  {% endfor %}
{% endmacro %}

{# As dbt-spark's get_persist_docs_column_list. #}
{% macro columns_with_comments(described, names) -%}
  {%- set told = adapter.descriptions(described) -%}
  {%- for name in names -%}
    {{ adapter.quote(name) }}{% if told.get(name | lower) %} comment {{ in_quotes(told[name | lower]) }}{% endif %}
    {{- ", " if not loop.last else "" }}
  {%- endfor %}
{%- endmacro %}
