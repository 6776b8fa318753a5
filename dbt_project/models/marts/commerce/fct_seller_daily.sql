-- One row per seller and local day, from the seller's first event to the market's last, quiet days included.
-- Amounts of the seller's own currency are added up; what came in another is in dollars only.
{{ config(indexes=[{'columns': ['seller_id', 'day_on'], 'unique': true}, {'columns': ['day_on']}]) }}

with sellers as (

    select * from {{ ref('int_sellers_located') }}

),

funnel as (

    select
        seller_id,
        funnel_on as day_on,
        sum(impressions)::bigint as impressions,
        sum(views)::bigint as views,
        sum(clicks)::bigint as clicks,
        sum(whatsapp_starts)::bigint as whatsapp_starts
    from {{ ref('fct_funnel_daily') }}
    group by seller_id, funnel_on

),

leads as (

    select
        leads.seller_id,
        leads.occurred_on as day_on,
        count(*) as leads,
        count(answers.event_id) as leads_answered,
        percentile_cont(0.5) within group (order by answers.response_seconds) as response_seconds_median
    from {{ ref('fct_leads') }} as leads
    left join {{ ref('int_leads_answered') }} as answers on leads.event_id = answers.event_id
    group by leads.seller_id, leads.occurred_on

),

orders as (

    select
        orders.seller_id,
        orders.occurred_on as day_on,
        count(*) filter (where orders.is_sale) as orders,
        coalesce(sum(orders.items) filter (where orders.is_sale), 0)::bigint as units,
        count(distinct orders.customer_id) filter (where orders.is_sale) as buyers,
        coalesce(sum(orders.gross_minor) filter (where orders.currency = sellers.currency), 0)::bigint as revenue_minor,
        case when bool_and(orders.gross_usd is not null) then sum(orders.gross_usd) end as revenue_usd
    from {{ ref('fct_orders') }} as orders
    inner join sellers on orders.seller_id = sellers.seller_id
    where orders.status <> 'cancelled'
    group by orders.seller_id, orders.occurred_on

),

happened as (

    select
        seller_id,
        day_on
    from funnel

    union all

    select
        seller_id,
        day_on
    from leads

    union all

    select
        seller_id,
        day_on
    from orders

),

begun as (

    select
        seller_id,
        min(day_on) as first_on
    from happened
    group by seller_id

),

ended as (

    select max(day_on) as last_on from happened

),

days as (

    select
        begun.seller_id,
        begun.first_on + days_later as day_on
    from begun
    cross join ended
    cross join lateral generate_series(0, ended.last_on - begun.first_on) as days_later

),

counted as (

    select
        days.seller_id,
        days.day_on,
        sellers.currency,
        coalesce(funnel.impressions, 0) as impressions,
        coalesce(funnel.views, 0) as views,
        coalesce(funnel.clicks, 0) as clicks,
        coalesce(funnel.whatsapp_starts, 0) as whatsapp_starts,
        coalesce(leads.leads, 0) as leads,
        coalesce(orders.orders, 0) as orders,
        coalesce(orders.units, 0) as units,
        coalesce(orders.buyers, 0) as buyers,
        coalesce(orders.revenue_minor, 0) as revenue_minor,
        case when orders.seller_id is null then 0 else orders.revenue_usd end::double precision as revenue_usd,
        coalesce(leads.leads_answered, 0) as leads_answered,
        leads.response_seconds_median
    from days
    inner join sellers on days.seller_id = sellers.seller_id
    left join funnel on days.seller_id = funnel.seller_id and days.day_on = funnel.day_on
    left join leads on days.seller_id = leads.seller_id and days.day_on = leads.day_on
    left join orders on days.seller_id = orders.seller_id and days.day_on = orders.day_on

)

select
    seller_id,
    day_on,
    currency,
    impressions,
    views,
    clicks,
    whatsapp_starts,
    leads,
    orders,
    units,
    buyers,
    revenue_minor,
    revenue_usd,
    {{ rate('clicks', 'views') }} as view_to_click_rate,
    {{ rate('whatsapp_starts', 'clicks') }} as click_to_whatsapp_rate,
    {{ rate('orders', 'whatsapp_starts') }} as conversion_rate,
    leads_answered,
    response_seconds_median
from counted
