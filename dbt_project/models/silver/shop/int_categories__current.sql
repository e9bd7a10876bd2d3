{{ config(unique_key='category_id') }}

with versions as (
    select *
    from {{ ref('stg_shop__categories') }}
    where {{ is_new_batch() }}
),

final as (
    {{ latest_per_key('versions', ['category_id']) }}
)

select * from final
