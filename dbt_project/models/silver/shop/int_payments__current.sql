{{ config(unique_key='payment_id', meta={'sample_by': 'order_id', 'union_columns': ['_order_ids']}) }}

with versions as (
    select
        *,
        -- A payment that moves to another order changes both: gold must find the former one too.
        array_sort(collect_set(order_id) over (partition by payment_id)) as _order_ids
    from {{ ref('stg_shop__payments') }}
    where {{ is_new_batch() }}
),

final as (
    {{ latest_per_key('versions', ['payment_id']) }}
)

select * from final
