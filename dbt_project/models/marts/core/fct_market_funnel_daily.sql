-- One row per local day, country, source and device on which anything happened.
{{ config(indexes=[{'columns': ['funnel_on', 'country', 'source', 'device'], 'unique': true}]) }}

select
    funnel_on,
    country,
    source,
    device,
    sum(impressions)::bigint as impressions,
    sum(views)::bigint as views,
    sum(clicks)::bigint as clicks,
    sum(whatsapp_starts)::bigint as whatsapp_starts,
    sum(wishlists)::bigint as wishlists,
    sum(purchases)::bigint as purchases,
    sum(orders)::bigint as orders,
    sum(orders_matched)::bigint as orders_matched,
    sum(orders_probable)::bigint as orders_probable,
    sum(orders_unknown)::bigint as orders_unknown
from {{ ref('fct_category_funnel_daily') }}
group by funnel_on, country, source, device
