{#- Versions over time (slowly changing dimension, type 2), from every version that bronze has seen. -#}

{#-
  Query: one row per `key` and period in which its values stayed the same, with `_valid_from`, `_valid_to` (null: still so) and `_is_current`.

  What follows what is told by the batches, since each of them read the source as it was; clocks only say when. A version began after
  the batch that last saw the one before it, and no later than the batch that brought it: `changed_at` is believed if it lies in
  between. Otherwise (no time, a clock that is wrong, a transaction that took long to commit) the version begins when it was first
  seen. So periods of a key never overlap, and at the moment of any batch they show what that batch saw.

  `_batch_id` is the batch that began the period or, once it has ended, the one that ended it.

  Args: relation: a staging relation or CTE with the technical columns; key, values: lists of column names, a change in `values`
        makes a version; changed_at: column that says when the source changed the row; it makes no version of its own.
-#}
{% macro versions_over_time(relation, key, values, changed_at) -%}
    {%- set keys = quoted(key) -%}
    {%- set values = quoted(values) -%}
    {%- set changed_at = quoted(changed_at) %}
    select
        {{ keys }},
        {{ values }},
        {{ changed_at }},
        _valid_from,
        _valid_to,
        _valid_to is null as _is_current,
        coalesce(_ended_by, _batch_id) as _batch_id
    from (
        select
            *,
            lead(_valid_from) over (partition by {{ keys }} order by _batch_id) as _valid_to,
            lead(_batch_id) over (partition by {{ keys }} order by _batch_id) as _ended_by
        from (
            select
                *,
                case when {{ changed_at }} > coalesce(_before, timestamp '0001-01-01') and {{ changed_at }} <= _seen
                    then {{ changed_at }} else _seen end as _valid_from,
                lag(struct(_is_deleted as _gone, {{ values }})) over (partition by {{ keys }} order by _batch_id)
                    <=> struct(_is_deleted as _gone, {{ values }}) as _is_same
            from (
                select *, lag(_seen) over (partition by {{ keys }} order by _batch_id) as _before
                from (
                    -- When the batch was read. A clock that was set back must not make time stand still: a microsecond goes by.
                    select *, timestamp_micros(
                        max(unix_micros(_ingested_at) - _position) over (partition by {{ keys }} order by _position) + _position
                    ) as _seen
                    from (
                        select *, row_number() over (partition by {{ keys }} order by _batch_id) as _position
                        from (
                            select *, row_number() over (
                                partition by {{ keys }}, _batch_id order by _is_deleted, _source_lsn desc
                            ) as _rank
                            from {{ relation }}
                        )
                        where _rank = 1
                    )
                )
            )
        )
        where not _is_same
    )
    where not _is_deleted
{%- endmacro %}


{#-
  Query: periods of `relation`, those that follow each other without a gap and with the same values made one.
  For a table that leaves out columns of a history: what changed in them alone is no version here.

  Args: relation: a history; key, values: lists of column names.
-#}
{% macro joined_periods(relation, key, values) -%}
    {%- set keys = quoted(key) -%}
    {%- set values = quoted(values) %}
    select
        {{ keys }},
        {{ values }},
        min(_valid_from) as _valid_from,
        max_by(_valid_to, _valid_from) as _valid_to,
        bool_or(_is_current) as _is_current,
        max(_batch_id) as _batch_id
    from (
        select *, count_if(not _goes_on) over (partition by {{ keys }} order by _valid_from) as _period
        from (
            select *, lag(struct(_valid_to as _until, {{ values }})) over (partition by {{ keys }} order by _valid_from)
                <=> struct(_valid_from as _until, {{ values }}) as _goes_on
            from {{ relation }}
        )
    )
    group by {{ keys }}, {{ values }}, _period
{%- endmacro %}
