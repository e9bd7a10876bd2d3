{{ config(unique_key='order_id', meta={'sample_by': 'order_id'}) }}

with versions as (
    select *
    from {{ ref('stg_shop__orders') }}
    where {{ is_new_batch() }}
),

final as (
    {{ latest_per_key('versions', ['order_id']) }}
)

select * from final
