{{ config(unique_key='shipment_id', meta={'sample_by': 'order_id'}) }}

with versions as (
    select *
    from {{ ref('stg_shop__shipments') }}
    where {{ is_new_batch() }}
),

final as (
    {{ latest_per_key('versions', ['shipment_id']) }}
)

select * from final
