-- One row per seller, RFM segment and currency that has customers; seller 0 is the whole market, in US cents.
{{ config(indexes=[{'columns': ['seller_id', 'segment', 'currency'], 'unique': true}]) }}

select
    seller_id,
    segment,
    currency,
    count(*) as customers,
    sum(monetary_minor)::bigint as monetary_minor,
    avg(recency_days)::double precision as recency_days_mean,
    avg(frequency)::double precision as frequency_mean,
    max(as_of) as as_of
from {{ ref('customer_rfm') }}
group by seller_id, segment, currency

union all

select
    0 as seller_id,
    segment,
    'USD' as currency,
    count(*) as customers,
    round(sum(monetary_usd)::numeric * 100)::bigint as monetary_minor,
    avg(recency_days)::double precision as recency_days_mean,
    avg(frequency)::double precision as frequency_mean,
    max(as_of) as as_of
from {{ ref('customer_rfm_market') }}
group by segment
