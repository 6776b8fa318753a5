-- One row per seller and customer who bought there in the seller's own currency, as of the seller's last day of sales.
{{ config(indexes=[{'columns': ['seller_id', 'customer_id'], 'unique': true}, {'columns': ['seller_id', 'segment']}]) }}

with orders as (

    select
        orders.*,
        max(orders.occurred_on) filter (where orders.is_sale) over (partition by orders.seller_id) as as_of
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('int_sellers_located') }} as sellers
        on
            orders.seller_id = sellers.seller_id
            and orders.currency = sellers.currency
    where orders.status <> 'cancelled'

),

measured as (

    select
        seller_id,
        customer_id,
        currency,
        as_of,
        count(*) filter (where is_sale) as frequency,
        sum(gross_minor)::bigint as monetary_minor,
        min(occurred_on) filter (where is_sale) as first_order_on,
        max(occurred_on) filter (where is_sale) as last_order_on
    from orders
    group by seller_id, customer_id, currency, as_of
    having count(*) filter (where is_sale) > 0

),

scored as (

    select
        *,
        {{ quintile('as_of - last_order_on', 'seller_id', descending=true) }} as r,
        {{ quintile('frequency', 'seller_id') }} as f,
        {{ quintile('monetary_minor', 'seller_id') }} as m
    from measured

),

segments as (

    select * from {{ ref('rfm_segments') }}

)

select
    scored.seller_id,
    scored.customer_id,
    scored.as_of - scored.last_order_on as recency_days,
    scored.frequency,
    scored.monetary_minor,
    scored.currency,
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
