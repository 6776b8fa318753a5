-- One row per local day on which anything was shown and seller who had a product by then.
{{ config(indexes=[{'columns': ['served_on', 'seller_id'], 'unique': true}, {'columns': ['seller_id']}]) }}

select
    served_on,
    seller_id,
    impressions,
    clicks,
    purchases,
    {{ rate('impressions', 'sum(impressions) over (partition by served_on)') }} as impression_share,
    {{ rate('clicks', 'impressions') }} as click_rate
from {{ ref('int_sellers_exposed_daily') }}
