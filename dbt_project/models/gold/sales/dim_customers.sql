with customers as (
    select * from {{ ref('int_customers__current') }} where not _is_deleted
),

-- Name, e-mail and telephone stay in silver: no question asked of gold needs them.
final as (
    select
        customer_id,
        customer_uuid,
        country_code,
        is_vip,
        tags,
        credit_limit,
        registered_at,
        deleted_at as closed_at,
        deleted_at is null as is_active,
        _batch_id
    from customers
)

select * from final
