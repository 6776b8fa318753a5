-- One row per local day, country, source and device on which anything happened.
{{ config(indexes=[{'columns': ['funnel_on', 'country', 'source', 'device'], 'unique': true}]) }}

select
    funnel_on,
    country,
    source,
    device,
    {{ funnel_summed() }}
from {{ ref('fct_category_funnel_daily') }}
group by funnel_on, country, source, device
