-- One row per local day, quiet days included.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key='metric_on',
        on_schema_change='fail',
        indexes=[{'columns': ['metric_on'], 'unique': true}]
    )
}}

with dates as (

    select * from {{ ref('int_dates_spanned') }}

),

sellers as (

    select * from {{ ref('int_sellers_located') }}

),

-- Not materialized: what is touched is found by an index, not by reading all.
activities as not materialized (

    select * from {{ ref('int_activities_sessioned') }}
    where step not in ('hide', 'report')

),

{% if is_incremental() %}
    touched as materialized (

        select distinct occurred_on from activities
        where known_at >= {{ watermark('known_at') }}

    ),
{% endif %}

chosen as (

    {% if is_incremental() %}
        {{ looked_up('activities', ['occurred_on']) }}
    {% else %}
        select * from activities
    {% endif %}

),

-- Shoppers first, so that whoever was active is counted without sorting all that happened.
shoppers as (

    select
        occurred_on,
        user_id,
        count(*) filter (where step <> 'impression') as acts,
        count(*) filter (where step = 'impression') as impressions,
        count(*) filter (where step = 'view') as views,
        count(*) filter (where step = 'click') as clicks,
        count(*) filter (where step = 'wishlist') as wishlists,
        count(*) filter (where step = 'purchase') as purchases,
        count(*) filter (where step = 'whatsapp') as whatsapp_starts,
        max(known_at) as known_at
    from chosen
    group by occurred_on, user_id

),

days as (

    select
        occurred_on,
        count(user_id) filter (where acts > 0) as active_shoppers,
        sum(impressions)::bigint as impressions,
        sum(views)::bigint as views,
        sum(clicks)::bigint as clicks,
        sum(wishlists)::bigint as wishlists,
        sum(purchases)::bigint as purchases,
        sum(whatsapp_starts)::bigint as whatsapp_starts,
        max(known_at) as known_at
    from shoppers
    group by occurred_on

),

active as (

    select
        days.occurred_on,
        count(*) as sellers
    from days
    cross join sellers
    where
        exists (
            select 1 from activities
            where
                activities.occurred_on = days.occurred_on
                and activities.seller_id = sellers.seller_id
                and activities.step <> 'impression'
            {{ fence() }}
        )
    group by days.occurred_on

),

steps as (

    select
        days.occurred_on,
        days.active_shoppers,
        coalesce(active.sellers, 0) as active_sellers,
        days.impressions,
        days.views,
        days.clicks,
        days.wishlists,
        days.purchases,
        days.whatsapp_starts,
        days.known_at
    from days
    left join active on days.occurred_on = active.occurred_on

    {% if is_incremental() %}
        union all

        -- Days of which nothing new is known stand as they were counted.
        select
            built.metric_on as occurred_on,
            built.active_shoppers,
            built.active_sellers,
            built.impressions,
            built.views,
            built.clicks,
            built.wishlists,
            built.purchases,
            built.whatsapp_starts,
            built.known_at
        from {{ this }} as built
        left join touched on built.metric_on = touched.occurred_on
        where touched.occurred_on is null
    {% endif %}

),

sales as (

    select
        occurred_on,
        count(*) as orders
    from {{ ref('int_orders_placed') }}
    where is_sale
    group by occurred_on

),

changes as (

    select
        observed_on,
        count(*) filter (where kind = 'new') as new_products,
        count(*) filter (where kind = 'gone') as gone_products,
        count(*) filter (where kind = 'price') as price_changes
    from {{ ref('int_product_changes_attributed') }}
    group by observed_on

)

select
    dates.date_on as metric_on,
    coalesce(steps.active_shoppers, 0) as active_shoppers,
    coalesce(steps.active_sellers, 0) as active_sellers,
    coalesce(steps.impressions, 0) as impressions,
    coalesce(steps.views, 0) as views,
    coalesce(steps.clicks, 0) as clicks,
    coalesce(steps.wishlists, 0) as wishlists,
    coalesce(steps.purchases, 0) as purchases,
    coalesce(steps.whatsapp_starts, 0) as whatsapp_starts,
    coalesce(sales.orders, 0) as orders,
    {{ rate('steps.clicks', 'steps.views') }} as view_to_click_rate,
    {{ rate('steps.whatsapp_starts', 'steps.clicks') }} as click_to_whatsapp_rate,
    coalesce(changes.new_products, 0) as new_products,
    coalesce(changes.gone_products, 0) as gone_products,
    coalesce(changes.price_changes, 0) as price_changes,
    steps.known_at
from dates
left join steps on dates.date_on = steps.occurred_on
left join sales on dates.date_on = sales.occurred_on
left join changes on dates.date_on = changes.observed_on
