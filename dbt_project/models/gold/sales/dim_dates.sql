with days as (
    select explode(sequence(date '2010-01-01', date '2039-12-31')) as calendar_date
),

final as (
    select
        calendar_date,
        year(calendar_date) as calendar_year,
        quarter(calendar_date) as calendar_quarter,
        month(calendar_date) as calendar_month,
        cast(trunc(calendar_date, 'month') as date) as month_start,
        weekofyear(calendar_date) as iso_week,
        weekday(calendar_date) + 1 as iso_weekday,
        weekday(calendar_date) >= 5 as is_weekend
    from days
)

select * from final
