{{ config(unique_key=['user_id', 'product_position']) }}

with source as (
    select * from {{ ref('stg_credit__products') }}
),

-- A document brings all products of its user: what the newest one no longer has is only in those before it.
touched as (
    select user_id from source where {{ is_new_batch() }}
),

versions as (
    select
        *,
        dense_rank() over (
            partition by user_id order by _is_deleted asc, _batch_id desc, _source_lsn desc, _file desc, _line desc
        ) as _version,
        max(struct(_batch_id, not _is_deleted as _is_live, _ingested_at, _source_lsn)) over (partition by user_id) as _last
    from source
    {% if is_incremental() %} left semi join touched using (user_id) {% endif %}
),

final as (
    select
        user_id,
        product_position,
        product_type,
        product_id,
        acquired_at,
        ingestion_date,
        _file,
        _line,
        _unknown_fields,
        _last._batch_id,
        _last._ingested_at,
        _op,
        not _last._is_live or _version > 1 as _is_deleted,
        _last._source_lsn,
        _flags
    from versions
    where product_position is not null
    qualify row_number() over (partition by user_id, product_position order by _version) = 1
)

select * from final
