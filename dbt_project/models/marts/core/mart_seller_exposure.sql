-- One row per seller who ever had a product.
{{ config(indexes=[{'columns': ['seller_id'], 'unique': true}]) }}

with sellers as (

    select
        seller_id,
        min(first_seen_at) as first_product_at
    from {{ ref('int_products_judged') }}
    group by seller_id

),

days as (

    select * from {{ ref('int_exposures_counted_daily') }}

),

shown as (

    select
        seller_id,
        sum(impressions)::bigint as impressions,
        sum(clicks)::bigint as clicks
    from days
    group by seller_id

)

select
    sellers.seller_id,
    sellers.first_product_at,
    firsts.served_at as first_impression_at,
    hundredths.served_at as hundredth_impression_at,
    coalesce(shown.impressions, 0) as impressions,
    coalesce(shown.clicks, 0) as clicks,
    extract(
        epoch from hundredths.served_at - sellers.first_product_at
    )::double precision / 3600 as hours_to_100_impressions
from sellers
left join shown on sellers.seller_id = shown.seller_id
-- Each is found by an index in the order of time, however many there are.
left join lateral (
    select exposures.served_at
    from {{ ref('int_exposures_attributed') }} as exposures
    where exposures.seller_id = sellers.seller_id
    order by exposures.served_at
    limit 1
) as firsts on true
left join lateral (
    select exposures.served_at
    from {{ ref('int_exposures_attributed') }} as exposures
    where exposures.seller_id = sellers.seller_id
    order by exposures.served_at
    limit 1 offset 99
) as hundredths on true
