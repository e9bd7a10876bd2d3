{{ config(unique_key='movement_id') }}

with versions as (
    select *
    from {{ ref('stg_shop__stock_movements') }}
    where {{ is_new_batch() }}
),

final as (
    {{ latest_per_key('versions', ['movement_id']) }}
)

select * from final
