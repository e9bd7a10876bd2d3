-- How many users are in each range of scores, and what share is theirs? Those without a score are a range of their own.
select
    band_number,
    score_band,
    users,
    round(100.0 * users / nullif(sum(users) over (), 0), 1) as share_percent
from rpt_users_by_score_band
order by band_number asc
