{#-
  Columns as the adapter gives them. dbt-spark's macro gives rows of `describe`, which have no `name`: with `hard_deletes: new_record`,
  dbt's snapshot then takes no column for one that the table has, and the record of a deletion is without key and values.
-#}
{% macro comporta__get_columns_in_relation(relation) %}
    {{ return(adapter.get_columns_in_relation(relation)) }}
{% endmacro %}
