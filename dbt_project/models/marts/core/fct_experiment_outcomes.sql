-- One row per experiment, variant and shopper who was shown anything in it.
{{ config(indexes=[{'columns': ['experiment', 'variant', 'user_id'], 'unique': true}]) }}

select
    experiment,
    variant,
    user_id,
    count(distinct answer_id) as answers,
    count(*) as exposures,
    sum(views)::bigint as views,
    sum(clicks)::bigint as clicks,
    sum(wishlists)::bigint as wishlists,
    sum(purchases)::bigint as purchases,
    sum(refusals)::bigint as refusals,
    avg(answer_seconds) as answer_seconds,
    min(served_at) as first_served_at,
    max(served_at) as last_served_at
from {{ ref('int_exposures_attributed') }}
where
    experiment is not null
    and variant is not null
    and user_id is not null
group by experiment, variant, user_id
