{{ config(unique_key='review_id') }}

with versions as (
    select *
    from {{ ref('stg_shop__reviews') }}
    where {{ is_new_batch() }}
),

final as (
    {{ latest_per_key('versions', ['review_id']) }}
)

select * from final
