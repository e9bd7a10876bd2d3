{#- Batch arithmetic. A model consumes what is newer than what its table was built from; clocks play no part. -#}

{#-
  The `_batch_id` up to which this model's table holds its inputs, as a literal: Delta skips files by literals, not by subqueries.
  Where dbt-spark merges or appends, nothing is noted, and it is the greatest one that the table holds.
  Where the inputs were not equally far, it is the one that was least far: what is met twice changes nothing.
-#}
{% macro last_batch_id() -%}
    {%- if not execute -%}
        -1
    {%- elif is_ours() -%}
        {{ adapter.plan(model, this).since }}
    {%- else -%}
        {{ run_query('select coalesce(max(_batch_id), -1) as last_batch_id from ' ~ this).rows[0][0] }}
    {%- endif -%}
{%- endmacro %}


{#- Predicate: the row came with a batch that this model has not consumed. Always true where the model is fully refreshed. -#}
{% macro is_new_batch() -%}
    {%- if is_incremental() -%} _batch_id > {{ last_batch_id() }} {%- else -%} true {%- endif %} /* new batches */
{%- endmacro %}


{#- The columns that every staging view carries from bronze. -#}
{% macro technical_columns() -%}
    _batch_id,
    _ingested_at,
    _op,
    _op <=> 'd' as _is_deleted,
    _source_lsn,
    _flags
{%- endmacro %}


{#-
  Query: one row per `key` of `relation`, its latest version.
  The newest batch decides whether the key is alive; within a batch a written row wins over a deletion (deleted, then inserted again).
  A deleted key keeps its last known values, so that its former parents can still be found; `_op` is 'd' only if it has none.

  Args: relation: a staging relation or CTE with the technical columns; key: list of column names.
-#}
{% macro latest_per_key(relation, key) -%}
    {%- set key_columns = quoted(key) -%}
    select
        * except (_batch_id, _ingested_at, _op, _is_deleted, _source_lsn, _flags, _rank, _last),
        _last._batch_id,
        _last._ingested_at,
        _op,
        not _last._is_live as _is_deleted,
        _last._source_lsn,
        _flags
    from (
        select
            *,
            row_number() over (
                partition by {{ key_columns }} order by _is_deleted, _batch_id desc, _source_lsn desc
            ) as _rank,
            max(struct(_batch_id, not _is_deleted as _is_live, _ingested_at, _source_lsn)) over (
                partition by {{ key_columns }}
            ) as _last
        from {{ relation }}
    )
    where _rank = 1
{%- endmacro %}
