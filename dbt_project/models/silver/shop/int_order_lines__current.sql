{{ config(unique_key=['order_id', 'line_number'], meta={'sample_by': 'order_id'}) }}

with versions as (
    select *
    from {{ ref('stg_shop__order_lines') }}
    where {{ is_new_batch() }}
),

final as (
    {{ latest_per_key('versions', ['order_id', 'line_number']) }}
)

select * from final
