-- One row per metric, seller and local day, seller 0 being the whole market; quiet days are zeros.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key='metric_on',
        on_schema_change='fail',
        indexes=[
            {'columns': ['metric', 'seller_id', 'metric_on'], 'unique': true},
            {'columns': ['metric_on']},
            {'columns': ['known_at']}
        ]
    )
}}

with sellers as (

    select * from {{ ref('int_sellers_located') }}

),

-- Not materialized: what is touched is found by an index, not by reading all.
seller_days as not materialized (

    select * from {{ ref('fct_seller_daily') }}

),

syncs as (

    select * from {{ ref('fct_sync_health') }}

),

begun as (

    select
        seller_id,
        min(sync_on) as first_on
    from syncs
    group by seller_id

),

ended as (

    select max(sync_on) as last_on from syncs

),

-- A catalogue is followed from the seller's first sync to the last sync of anybody.
followed as (

    select
        begun.seller_id,
        begun.first_on + days_later as day_on
    from begun
    cross join ended
    cross join lateral generate_series(0, ended.last_on - begun.first_on) as days_later

),

changes as (

    select
        seller_id,
        observed_on,
        count(distinct product_id) filter (where kind = 'new') as new_products,
        count(distinct product_id) filter (where kind = 'gone') as gone_products,
        count(distinct product_id) filter (where kind = 'price') as price_changes
    from {{ ref('fct_catalog_changes') }}
    group by seller_id, observed_on

),

catalogues as (

    select
        followed.seller_id,
        followed.day_on,
        coalesce(changes.new_products, 0) as new_products,
        coalesce(changes.gone_products, 0) as gone_products,
        coalesce(changes.price_changes, 0) as price_changes,
        coalesce(syncs.failed, 0) as failed_syncs,
        syncs.seconds_median as sync_seconds
    from followed
    left join changes on followed.seller_id = changes.seller_id and followed.day_on = changes.observed_on
    left join syncs on followed.seller_id = syncs.seller_id and followed.day_on = syncs.sync_on

),

{% if is_incremental() %}
    -- Whole days, since the market's figures are of all sellers. Catalogues are small and have no clock: they are
    -- counted again and compared with what was built.
    catalogue_figures as (

        select
            catalogues.seller_id,
            catalogues.day_on,
            figures.*
        from catalogues
        cross join
            lateral (
                values
                ('new_products', catalogues.new_products::double precision),
                ('gone_products', catalogues.gone_products),
                ('price_changes', catalogues.price_changes),
                ('failed_syncs', catalogues.failed_syncs),
                ('sync_seconds', catalogues.sync_seconds)
            ) as figures (metric, value)

    ),

    touched as materialized (

        select day_on
        from seller_days
        where known_at >= {{ watermark('known_at') }}

        union distinct

        select seller_days.day_on
        from seller_days
        left join {{ this }} as built
            on
                seller_days.seller_id = built.seller_id
                and seller_days.day_on = built.metric_on
                and built.metric = 'impressions'
        where built.metric is null

        union distinct

        select catalogue_figures.day_on
        from catalogue_figures
        left join {{ this }} as built
            on
                catalogue_figures.metric = built.metric
                and catalogue_figures.seller_id = built.seller_id
                and catalogue_figures.day_on = built.metric_on
        where catalogue_figures.value is distinct from built.value

    ),
{% endif %}

trade as (

    select seller_days.*
    from seller_days
    {% if is_incremental() %}
        inner join touched on seller_days.day_on = touched.day_on
    {% endif %}

),

catalogue as (

    select catalogues.*
    from catalogues
    {% if is_incremental() %}
        inner join touched on catalogues.day_on = touched.day_on
    {% endif %}

),

market_trade as (

    select
        day_on,
        sum(impressions) as impressions,
        sum(views) as views,
        sum(clicks) as clicks,
        sum(whatsapp_starts) as whatsapp_starts,
        sum(leads) as leads,
        sum(orders) as orders,
        sum(units) as units,
        -- Added up as decimals, whose sum is the same in any order.
        case when bool_and(revenue_usd is not null) then sum(revenue_usd::numeric) end as revenue_usd,
        max(known_at) as known_at
    from trade
    group by day_on

),

market_catalogue as (

    select
        day_on,
        sum(new_products) as new_products,
        sum(gone_products) as gone_products,
        sum(price_changes) as price_changes,
        sum(failed_syncs) as failed_syncs,
        percentile_cont(0.5) within group (order by sync_seconds) as sync_seconds
    from catalogue
    group by day_on

),

changed as (

    select * from catalogue

    union all

    select
        0::bigint as seller_id,
        market_catalogue.*
    from market_catalogue

),

measured as (

    select
        trade.seller_id,
        trade.day_on,
        trade.known_at,
        metrics.*
    from trade
    cross join
        lateral (
            values
            ('impressions', trade.impressions::double precision, 'count'),
            ('views', trade.views, 'count'),
            ('clicks', trade.clicks, 'count'),
            ('whatsapp_starts', trade.whatsapp_starts, 'count'),
            ('leads', trade.leads, 'count'),
            ('orders', trade.orders, 'count'),
            ('units', trade.units, 'count'),
            ('revenue_minor', trade.revenue_minor, trade.currency),
            ('revenue_usd', trade.revenue_usd, 'USD'),
            ('click_rate', {{ rate('trade.clicks', 'trade.views') }}, 'share')
        ) as metrics (metric, value, unit)

    union all

    select
        0::bigint as seller_id,
        market_trade.day_on,
        market_trade.known_at,
        metrics.*
    from market_trade
    cross join
        lateral (
            values
            ('impressions', market_trade.impressions::double precision, 'count'),
            ('views', market_trade.views, 'count'),
            ('clicks', market_trade.clicks, 'count'),
            ('whatsapp_starts', market_trade.whatsapp_starts, 'count'),
            ('leads', market_trade.leads, 'count'),
            ('orders', market_trade.orders, 'count'),
            ('units', market_trade.units, 'count'),
            ('revenue_usd', market_trade.revenue_usd, 'USD'),
            ('click_rate', {{ rate('market_trade.clicks', 'market_trade.views') }}, 'share')
        ) as metrics (metric, value, unit)

    union all

    select
        changed.seller_id,
        changed.day_on,
        null::timestamptz as known_at,
        metrics.*
    from changed
    cross join
        lateral (
            values
            ('new_products', changed.new_products::double precision, 'count'),
            ('gone_products', changed.gone_products, 'count'),
            ('price_changes', changed.price_changes, 'count'),
            ('failed_syncs', changed.failed_syncs, 'count'),
            ('sync_seconds', changed.sync_seconds, 'seconds')
        ) as metrics (metric, value, unit)

)

select
    measured.metric,
    measured.seller_id,
    coalesce(sellers.country, '') as country,
    measured.day_on as metric_on,
    measured.value,
    measured.unit,
    measured.known_at
from measured
left join sellers on measured.seller_id = sellers.seller_id
where measured.value is not null
