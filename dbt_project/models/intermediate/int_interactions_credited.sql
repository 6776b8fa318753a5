-- One row per interaction that followed an exposure. Of all that showed the shopper the product within the hours
-- before, the last is credited, so that no click counts twice.
with interactions as (

    select * from {{ ref('int_interactions_deduplicated') }}

),

exposures as (

    select * from {{ ref('stg_raw__exposures') }}

),

ordered as (

    select
        interactions.event_id,
        interactions.kind,
        interactions.occurred_at,
        exposures.answer_id,
        exposures.rank,
        row_number() over (
            partition by interactions.event_id
            order by exposures.served_at desc, exposures.answer_id desc, exposures.rank asc
        ) as recency
    from interactions
    inner join exposures
        on
            interactions.user_id = exposures.user_id
            and interactions.product_id = exposures.product_id
            and interactions.occurred_at >= exposures.served_at
            and interactions.occurred_at < exposures.served_at + interval '{{ var("attribution_hours") }} hours'

)

select
    event_id,
    kind,
    occurred_at,
    answer_id,
    rank
from ordered
where recency = 1
