with history as (
    select * from {{ ref('int_customers__history') }}
),

-- As in dim_customers: no name, e-mail or telephone, and no version where only those changed.
renamed as (
    select
        *,
        deleted_at as closed_at
    from history
),

final as (
    {{ joined_periods('renamed', key=['customer_id'], values=[
        'customer_uuid', 'country_code', 'is_vip', 'tags', 'credit_limit', 'registered_at', 'closed_at'
    ]) }}
)

select * from final
