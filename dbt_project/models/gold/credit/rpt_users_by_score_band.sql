with users as (
    select
        score_band,
        count(*) as users
    from {{ ref('dim_users') }}
    group by score_band
),

-- Every band has its row, and one that nobody is in says 0.
final as (
    select
        score_bands.band_number,
        score_bands.score_band,
        score_bands.least_score,
        score_bands.greatest_score,
        coalesce(users.users, 0) as users
    from {{ ref('credit_score_bands') }} as score_bands
    left join users on score_bands.score_band = users.score_band
)

select * from final
