{#- One row per day of the seven years that the orders and their shipments span. -#}
with days as (
    {{ days('1992-01-01', '1998-12-31') }}
),

final as (
    select
        day as date_day,
        cast(extract(year from day) as int) as year_number,
        cast(extract(quarter from day) as int) as quarter_number,
        cast(extract(month from day) as int) as month_number
    from days
)

select * from final
