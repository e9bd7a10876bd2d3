-- Bands leave no score out and share none; one, and only one, is that of no score.
with scores as (
    select explode(sequence(-1, 1001)) as score
    union all
    select null
)

select scores.score, count(bands.score_band) as bands
from scores
left join {{ ref('credit_score_bands') }} as bands
    on case
        when bands.least_score is null and bands.greatest_score is null then scores.score is null
        else scores.score >= coalesce(bands.least_score, scores.score) and scores.score <= coalesce(bands.greatest_score, scores.score)
    end
group by scores.score
having count(bands.score_band) <> 1
