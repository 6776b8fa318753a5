-- For each seller and day the funnel, summed over all else, says what its facts count.
with funnel as (

    select
        funnel_on,
        seller_id,
        sum(impressions) as impressions,
        sum(orders) as orders,
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
        case when is_whatsapp_start then 'whatsapp' else 'lead' end as step
    from {{ ref('fct_leads') }}

    union all

    select
        occurred_on,
        seller_id,
        step
    from {{ ref('int_activities_sessioned') }}
    where activity in ('start', 'impression')

    union all

    select
        occurred_on,
        seller_id,
        case when is_sale then 'order' else 'no sale' end as step
    from {{ ref('int_orders_placed') }}

),

facts as (

    select
        occurred_on,
        seller_id,
        count(*) filter (where step = 'impression') as impressions,
        count(*) filter (where step = 'order') as orders,
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
    (
        funnel.impressions, funnel.views, funnel.clicks, funnel.wishlists, funnel.purchases, funnel.whatsapp_starts,
        funnel.orders
    )
    is distinct from (
        facts.impressions, facts.views, facts.clicks, facts.wishlists, facts.purchases, facts.whatsapp_starts,
        facts.orders
    )
