-- One row per seller, with or without products.
{{ config(indexes=[{'columns': ['seller_id'], 'unique': true}]) }}

with sellers as (

    select * from {{ ref('stg_catalog__sellers') }}

),

products as (

    select * from {{ ref('int_sellers_summarised') }}

),

syncs as (

    select * from {{ ref('int_sellers_last_synced') }}

)

select
    sellers.seller_id,
    sellers.handle,
    sellers.name,
    sellers.city,
    sellers.country,
    sellers.currency,
    sellers.source_kind,
    sellers.has_phone,
    sellers.is_active,
    sellers.created_at,
    syncs.last_sync_status,
    syncs.last_sync_started_at,
    syncs.last_synced_at,
    coalesce(products.products, 0) as products,
    coalesce(products.live_products, 0) as live_products,
    coalesce(products.approved_products, 0) as approved_products,
    coalesce(products.flagged_products, 0) as flagged_products,
    coalesce(products.rejected_products, 0) as rejected_products
from sellers
left join products on sellers.seller_id = products.seller_id
left join syncs on sellers.seller_id = syncs.seller_id
