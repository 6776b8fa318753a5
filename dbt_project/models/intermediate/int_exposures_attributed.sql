-- One row per answer and rank, with what followed.
-- A table: three marts read it, and the join with the events is made once.
{{ config(materialized='table') }}

with exposures as (

    select * from {{ ref('stg_raw__exposures') }}

),

sellers as (

    select * from {{ ref('int_sellers_located') }}

),

followed as (

    select
        answer_id,
        rank,
        count(*) filter (where kind = 'view') as views,
        count(*) filter (where kind = 'click') as clicks,
        count(*) filter (where kind = 'wishlist') as wishlists,
        count(*) filter (where kind = 'purchase') as purchases,
        count(*) filter (where kind in ('hide', 'report')) as refusals
    from {{ ref('int_interactions_credited') }}
    group by answer_id, rank

)

select
    exposures.answer_id,
    exposures.rank,
    exposures.user_id,
    exposures.product_id,
    exposures.seller_id,
    exposures.surface,
    exposures.source,
    exposures.propensity,
    exposures.model_version,
    exposures.experiment,
    exposures.variant,
    exposures.team,
    exposures.answer_seconds,
    coalesce(followed.views, 0) as views,
    coalesce(followed.clicks, 0) as clicks,
    coalesce(followed.wishlists, 0) as wishlists,
    coalesce(followed.purchases, 0) as purchases,
    coalesce(followed.refusals, 0) as refusals,
    exposures.served_at,
    {{ local_day('exposures.served_at', 'sellers.time_zone') }} as served_on
from exposures
inner join sellers on exposures.seller_id = sellers.seller_id
left join followed
    on
        exposures.answer_id = followed.answer_id
        and exposures.rank = followed.rank
