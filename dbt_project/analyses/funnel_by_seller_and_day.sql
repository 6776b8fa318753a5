-- The funnel by seller and day, newest first: from views over clicks to WhatsApp starts, all categories together.
with funnel as (

    select * from {{ ref('fct_funnel_daily') }}

),

sellers as (

    select * from {{ ref('dim_sellers') }}

)

select
    funnel.funnel_on,
    sellers.name as seller,
    sum(funnel.views) as views,
    sum(funnel.clicks) as clicks,
    sum(funnel.whatsapp_starts) as whatsapp_starts,
    {{ rate('sum(funnel.clicks)', 'sum(funnel.views)') }} as view_to_click_rate,
    {{ rate('sum(funnel.whatsapp_starts)', 'sum(funnel.clicks)') }} as click_to_whatsapp_rate
from funnel
inner join sellers on funnel.seller_id = sellers.seller_id
group by funnel.funnel_on, sellers.seller_id, sellers.name
order by funnel.funnel_on desc, views desc, seller asc
