-- For each day the market's figures are the sum of its sellers' funnels.
with funnel as (

    select
        funnel_on,
        sum(impressions) as impressions,
        sum(orders) as orders,
        sum(views) as views,
        sum(clicks) as clicks,
        sum(whatsapp_starts) as whatsapp_starts
    from {{ ref('fct_funnel_daily') }}
    group by funnel_on

),

metrics as (

    select * from {{ ref('mart_platform_metrics_daily') }}

)

select coalesce(metrics.metric_on, funnel.funnel_on) as happened_on
from metrics
full outer join funnel on metrics.metric_on = funnel.funnel_on
where
    metrics.metric_on is null
    or (metrics.impressions, metrics.views, metrics.clicks, metrics.whatsapp_starts, metrics.orders)
    is distinct from (
        coalesce(funnel.impressions, 0), coalesce(funnel.views, 0), coalesce(funnel.clicks, 0),
        coalesce(funnel.whatsapp_starts, 0), coalesce(funnel.orders, 0)
    )
