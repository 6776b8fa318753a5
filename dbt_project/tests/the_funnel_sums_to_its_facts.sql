-- For each seller and day the funnel, summed over categories, says what the two facts count.
with funnel as (

    select
        funnel_on,
        seller_id,
        sum(views) as views,
        sum(clicks) as clicks,
        sum(wishlists) as wishlists,
        sum(purchases) as purchases,
        sum(whatsapp_starts) as whatsapp_starts
    from {{ ref('fct_funnel_daily') }}
    group by funnel_on, seller_id

),

steps as (

    select
        occurred_on,
        seller_id,
        kind as step
    from {{ ref('fct_interactions') }}
    where kind not in ('hide', 'report')

    union all

    select
        occurred_on,
        seller_id,
        channel as step
    from {{ ref('fct_leads') }}

),

facts as (

    select
        occurred_on,
        seller_id,
        count(*) filter (where step = 'view') as views,
        count(*) filter (where step = 'click') as clicks,
        count(*) filter (where step = 'wishlist') as wishlists,
        count(*) filter (where step = 'purchase') as purchases,
        count(*) filter (where step = 'whatsapp') as whatsapp_starts
    from steps
    group by occurred_on, seller_id

)

select
    coalesce(funnel.funnel_on, facts.occurred_on) as happened_on,
    coalesce(funnel.seller_id, facts.seller_id) as seller_id
from funnel
full outer join facts
    on
        funnel.funnel_on = facts.occurred_on
        and funnel.seller_id = facts.seller_id
where
    (funnel.views, funnel.clicks, funnel.wishlists, funnel.purchases, funnel.whatsapp_starts)
    is distinct from (facts.views, facts.clicks, facts.wishlists, facts.purchases, facts.whatsapp_starts)
