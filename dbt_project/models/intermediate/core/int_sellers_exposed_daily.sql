-- One row per local day on which anything was shown and seller who had a product by then, shown or not.
with shown as (

    select * from {{ ref('int_exposures_counted_daily') }}

),

sellers as (

    select
        located.seller_id,
        {{ local_day('min(products.first_seen_at)', 'located.time_zone') }} as first_product_on
    from {{ ref('int_products_judged') }} as products
    inner join {{ ref('int_sellers_located') }} as located on products.seller_id = located.seller_id
    group by located.seller_id, located.time_zone

),

days as (

    select distinct served_on from shown

)

select
    days.served_on,
    sellers.seller_id,
    coalesce(shown.impressions, 0) as impressions,
    coalesce(shown.clicks, 0) as clicks,
    coalesce(shown.purchases, 0) as purchases
from days
inner join sellers on days.served_on >= sellers.first_product_on
left join shown
    on
        days.served_on = shown.served_on
        and sellers.seller_id = shown.seller_id
