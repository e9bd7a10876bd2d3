with users as (
    select * from {{ ref('dim_users') }} where registered_date is not null
),

final as (
    select
        registered_date,
        count(*) as users
    from users
    group by registered_date
)

select * from final
