-- One row per local day, quiet days included.
{{ config(indexes=[{'columns': ['metric_on'], 'unique': true}]) }}

with dates as (

    select * from {{ ref('int_dates_spanned') }}

),

steps as (

    select
        occurred_on,
        count(distinct user_id) as active_shoppers,
        count(distinct seller_id) as active_sellers,
        count(*) filter (where step = 'view') as views,
        count(*) filter (where step = 'click') as clicks,
        count(*) filter (where step = 'wishlist') as wishlists,
        count(*) filter (where step = 'purchase') as purchases,
        count(*) filter (where step = 'whatsapp') as whatsapp_starts
    from {{ ref('int_funnel_steps_unioned') }}
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
    coalesce(steps.views, 0) as views,
    coalesce(steps.clicks, 0) as clicks,
    coalesce(steps.wishlists, 0) as wishlists,
    coalesce(steps.purchases, 0) as purchases,
    coalesce(steps.whatsapp_starts, 0) as whatsapp_starts,
    {{ rate('steps.clicks', 'steps.views') }} as view_to_click_rate,
    {{ rate('steps.whatsapp_starts', 'steps.clicks') }} as click_to_whatsapp_rate,
    coalesce(changes.new_products, 0) as new_products,
    coalesce(changes.gone_products, 0) as gone_products,
    coalesce(changes.price_changes, 0) as price_changes
from dates
left join steps on dates.date_on = steps.occurred_on
left join changes on dates.date_on = changes.observed_on
