{{ config(unique_key='customer_id') }}

with versions as (
    select *
    from {{ ref('stg_shop__customers') }}
    where {{ is_new_batch() }}
),

final as (
    {{ latest_per_key('versions', ['customer_id']) }}
)

select * from final
