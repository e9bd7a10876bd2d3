{{ config(unique_key='user_id') }}

with versions as (
    select *
    from {{ ref('stg_credit__users') }}
    where {{ is_new_batch() }}
),

final as (
    {{ latest_per_key('versions', ['user_id']) }}
)

select * from final
