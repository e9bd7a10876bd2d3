-- How many users register a day, and how many are there by then?
select
    registered_date,
    users,
    sum(users) over (order by registered_date rows between unbounded preceding and current row) as users_so_far
from rpt_daily_users
order by registered_date desc
limit 60
