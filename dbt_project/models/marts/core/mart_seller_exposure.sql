-- One row per seller who ever had a product.
{{ config(indexes=[{'columns': ['seller_id'], 'unique': true}]) }}

with sellers as (

    select
        seller_id,
        min(first_seen_at) as first_product_at
    from {{ ref('int_products_judged') }}
    group by seller_id

),

ordered as (

    select
        seller_id,
        clicks,
        served_at,
        row_number() over (partition by seller_id order by served_at, answer_id, rank) as place
    from {{ ref('int_exposures_attributed') }}

),

shown as (

    select
        seller_id,
        count(*) as impressions,
        sum(clicks)::bigint as clicks,
        min(served_at) as first_impression_at,
        min(served_at) filter (where place = 100) as hundredth_impression_at
    from ordered
    group by seller_id

)

select
    sellers.seller_id,
    sellers.first_product_at,
    shown.first_impression_at,
    shown.hundredth_impression_at,
    coalesce(shown.impressions, 0) as impressions,
    coalesce(shown.clicks, 0) as clicks,
    extract(
        epoch from shown.hundredth_impression_at - sellers.first_product_at
    )::double precision / 3600 as hours_to_100_impressions
from sellers
left join shown on sellers.seller_id = shown.seller_id
