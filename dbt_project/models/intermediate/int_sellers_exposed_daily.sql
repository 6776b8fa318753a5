-- One row per local day on which anything was shown and seller who had a product by then, shown or not.
with exposures as (

    select * from {{ ref('int_exposures_attributed') }}

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

    select distinct served_on from exposures

),

shown as (

    select
        served_on,
        seller_id,
        count(*) as impressions,
        sum(clicks) as clicks,
        sum(purchases) as purchases
    from exposures
    group by served_on, seller_id

)

select
    days.served_on,
    sellers.seller_id,
    coalesce(shown.impressions, 0)::bigint as impressions,
    coalesce(shown.clicks, 0)::bigint as clicks,
    coalesce(shown.purchases, 0)::bigint as purchases
from days
inner join sellers on days.served_on >= sellers.first_product_on
left join shown
    on
        days.served_on = shown.served_on
        and sellers.seller_id = shown.seller_id
