-- One row per local day, country and currency of its sellers, quiet days included.
{{ config(indexes=[{'columns': ['day_on', 'country', 'currency'], 'unique': true}]) }}

select
    daily.day_on,
    sellers.country,
    daily.currency,
    sum(daily.orders)::bigint as orders,
    sum(daily.units)::bigint as units,
    sum(daily.revenue_minor)::bigint as revenue_minor,
    sum(daily.revenue_usd) as revenue_usd,
    bool_and((daily.orders = 0 and daily.revenue_minor = 0) or daily.revenue_usd is not null) as is_converted
from {{ ref('fct_seller_daily') }} as daily
inner join {{ ref('dim_sellers') }} as sellers on daily.seller_id = sellers.seller_id
group by daily.day_on, sellers.country, daily.currency
