-- One row per seller and local day, from the seller's first event to the market's last, quiet days included.
-- Amounts of the seller's own currency are added up; what came in another is in dollars only.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['seller_id', 'day_on'],
        on_schema_change='fail',
        indexes=[
            {'columns': ['seller_id', 'day_on'], 'unique': true},
            {'columns': ['day_on']},
            {'columns': ['known_at']}
        ]
    )
}}
{%- set since = watermark('known_at') if is_incremental() %}

with sellers as (

    select * from {{ ref('int_sellers_located') }}

),

{% if is_incremental() %}
    touched as materialized (

        select
            seller_id,
            funnel_on as day_on
        from {{ ref('fct_seller_funnel_daily') }}
        where known_at >= {{ since }}

        union distinct

        select
            seller_id,
            occurred_on as day_on
        from {{ ref('fct_leads') }}
        where known_at >= {{ since }}

        union distinct

        select
            leads.seller_id,
            leads.occurred_on as day_on
        from {{ ref('int_leads_answered') }} as answers
        inner join {{ ref('fct_leads') }} as leads on answers.event_id = leads.event_id
        where answers.known_at >= {{ since }}

        union distinct

        select
            seller_id,
            occurred_on as day_on
        from {{ ref('fct_orders') }}
        where known_at >= {{ since }}

    ),
{% endif %}

steps as (

    {% if is_incremental() %}
        {{ looked_up(ref('fct_seller_funnel_daily'), ['seller_id', 'day_on'], named={'day_on': 'funnel_on'}) }}
    {% else %}
        select * from {{ ref('fct_seller_funnel_daily') }}
    {% endif %}

),

funnel as (

    select
        seller_id,
        funnel_on as day_on,
        sum(impressions)::bigint as impressions,
        sum(views)::bigint as views,
        sum(clicks)::bigint as clicks,
        sum(whatsapp_starts)::bigint as whatsapp_starts,
        max(known_at) as known_at
    from steps
    group by seller_id, funnel_on

),

leads as (

    select
        leads.seller_id,
        leads.occurred_on as day_on,
        count(*) as leads,
        count(answers.event_id) as leads_answered,
        percentile_cont(0.5) within group (order by answers.response_seconds) as response_seconds_median,
        greatest(max(leads.known_at), max(answers.known_at)) as known_at
    from {{ ref('fct_leads') }} as leads
    left join {{ ref('int_leads_answered') }} as answers on leads.event_id = answers.event_id
    {% if is_incremental() %}
        inner join touched
            on
                leads.seller_id = touched.seller_id
                and leads.occurred_on = touched.day_on
    {% endif %}
    group by leads.seller_id, leads.occurred_on

),

orders as (

    select
        orders.seller_id,
        orders.occurred_on as day_on,
        count(*) filter (where orders.is_sale) as orders,
        coalesce(sum(orders.items) filter (where orders.is_sale), 0)::bigint as units,
        count(distinct orders.customer_id) filter (where orders.is_sale) as buyers,
        coalesce(
            sum(orders.gross_minor)
            filter (where orders.status <> 'cancelled' and orders.currency = sellers.currency),
            0
        )::bigint as revenue_minor,
        -- Added up as decimals, whose sum is the same in any order.
        case
            when bool_and(orders.status = 'cancelled' or orders.gross_usd is not null)
                then coalesce(sum(orders.gross_usd::numeric) filter (where orders.status <> 'cancelled'), 0)
        end as revenue_usd,
        max(orders.known_at) as known_at
    from {{ ref('fct_orders') }} as orders
    inner join sellers on orders.seller_id = sellers.seller_id
    {% if is_incremental() %}
        inner join touched
            on
                orders.seller_id = touched.seller_id
                and orders.occurred_on = touched.day_on
    {% endif %}
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

    {% if is_incremental() %}
        union all

        select
            seller_id,
            min(day_on) as day_on
        from {{ this }}
        group by seller_id

        union all

        select
            seller_id,
            max(day_on) as day_on
        from {{ this }}
        group by seller_id
    {% endif %}

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
        leads.response_seconds_median,
        greatest(funnel.known_at, leads.known_at, orders.known_at) as known_at
    from days
    inner join sellers on days.seller_id = sellers.seller_id
    left join funnel on days.seller_id = funnel.seller_id and days.day_on = funnel.day_on
    left join leads on days.seller_id = leads.seller_id and days.day_on = leads.day_on
    left join orders on days.seller_id = orders.seller_id and days.day_on = orders.day_on
    {% if is_incremental() %}
        -- Days that were not there before are built though nothing happened on them.
        left join touched on days.seller_id = touched.seller_id and days.day_on = touched.day_on
        left join {{ this }} as built on days.seller_id = built.seller_id and days.day_on = built.day_on
        where
            touched.seller_id is not null
            or built.seller_id is null
    {% endif %}

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
    response_seconds_median,
    known_at
from counted
