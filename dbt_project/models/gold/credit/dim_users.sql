with users as (
    select * from {{ ref('int_users__current') }} where not _is_deleted
),

-- A band without edges is that of no score.
score_bands as (
    select
        score_band,
        coalesce(least_score, -2147483648) as least_score,
        coalesce(greatest_score, 2147483647) as greatest_score,
        least_score is null and greatest_score is null as is_no_score
    from {{ ref('credit_score_bands') }}
),

products as (
    select
        user_id,
        count(*) as product_count,
        count(distinct product_type) as product_type_count,
        max(_batch_id) as _batch_id
    from {{ ref('int_user_products__current') }}
    where not _is_deleted
    group by user_id
),

final as (
    select
        users.user_id,
        users.registered_at,
        cast(users.registered_at as date) as registered_date,
        users.updated_at,
        users.score,
        score_bands.score_band,
        users.score_name,
        users.has_positive_record,
        users.has_debts,
        users.scored_at,
        users.utm_source,
        users.utm_medium,
        users.utm_campaign,
        coalesce(products.product_count, 0) as product_count,
        coalesce(products.product_type_count, 0) as product_type_count,
        users.ingestion_date,
        greatest(users._batch_id, products._batch_id) as _batch_id
    from users
    left join products on users.user_id = products.user_id
    left join score_bands
        on
            coalesce(users.score between score_bands.least_score and score_bands.greatest_score, true)
            and score_bands.is_no_score = (users.score is null)
)

select * from final
