-- One row per local day, seller and category on which anything happened.
{{ config(indexes=[{'columns': ['seller_id', 'funnel_on', 'category'], 'unique': true}, {'columns': ['funnel_on']}]) }}

with steps as (

    select * from {{ ref('int_funnel_steps_unioned') }}

),

counted as (

    select
        occurred_on as funnel_on,
        seller_id,
        category,
        count(*) filter (where step = 'view') as views,
        count(*) filter (where step = 'click') as clicks,
        count(*) filter (where step = 'whatsapp') as whatsapp_starts,
        count(*) filter (where step = 'wishlist') as wishlists,
        count(*) filter (where step = 'purchase') as purchases
    from steps
    group by occurred_on, seller_id, category

)

select
    funnel_on,
    seller_id,
    category,
    views,
    clicks,
    whatsapp_starts,
    wishlists,
    purchases,
    {{ rate('clicks', 'views') }} as view_to_click_rate,
    {{ rate('whatsapp_starts', 'clicks') }} as click_to_whatsapp_rate
from counted
