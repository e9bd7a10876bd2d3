{{ config(unique_key='product_id') }}

with versions as (
    select *
    from {{ ref('stg_shop__products') }}
    where {{ is_new_batch() }}
),

final as (
    {{ latest_per_key('versions', ['product_id']) }}
)

select * from final
