-- One row per customer of the whole market whose every order could be converted, as of the market's last day of sales.
{{ config(indexes=[{'columns': ['customer_id'], 'unique': true}, {'columns': ['segment']}]) }}

with orders as (

    select
        *,
        'market' as market,
        max(occurred_on) filter (where is_sale) over () as as_of
    from {{ ref('fct_orders') }}
    where status <> 'cancelled'

),

measured as (

    select
        market,
        customer_id,
        as_of,
        count(distinct seller_id) as sellers,
        count(*) filter (where is_sale) as frequency,
        sum(gross_usd) as monetary_usd,
        min(occurred_on) filter (where is_sale) as first_order_on,
        max(occurred_on) filter (where is_sale) as last_order_on
    from orders
    group by market, customer_id, as_of
    having
        count(*) filter (where is_sale) > 0
        and bool_and(gross_usd is not null)

),

scored as (

    select
        *,
        {{ quintile('as_of - last_order_on', 'market', descending=true) }} as r,
        {{ quintile('frequency', 'market') }} as f,
        {{ quintile('round(monetary_usd::numeric, 2)', 'market') }} as m
    from measured

),

segments as (

    select * from {{ ref('rfm_segments') }}

)

select
    scored.customer_id,
    scored.sellers,
    scored.as_of - scored.last_order_on as recency_days,
    scored.frequency,
    scored.monetary_usd,
    scored.r,
    scored.f,
    scored.m,
    concat(scored.r, scored.f, scored.m) as rfm_score,
    segments.segment,
    scored.first_order_on,
    scored.last_order_on,
    scored.as_of
from scored
left join segments
    on
        scored.r = segments.r
        and scored.f = segments.f
        and scored.m = segments.m
