-- One row per local day on which anything was shown.
{{ config(indexes=[{'columns': ['served_on'], 'unique': true}]) }}

with sellers as (

    select
        *,
        row_number() over (partition by served_on order by impressions, seller_id) as place
    from {{ ref('int_sellers_exposed_daily') }}

)

select
    served_on,
    sum(impressions)::bigint as impressions,
    count(*) as sellers,
    count(*) filter (where impressions > 0) as sellers_shown,
    -- Over sellers in order of impressions: 2 * sum(place * impressions) / (n * sum(impressions)) - (n + 1) / n.
    {{ rate('2 * sum(place * impressions)', 'count(*) * sum(impressions)') }}
    - (count(*) + 1)::double precision / count(*) as exposure_gini
from sellers
group by served_on
