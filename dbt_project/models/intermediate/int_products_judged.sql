-- One row per product. A verdict on older content says nothing about the product of today.
-- A table: every fact is joined with the same products, however many land while the marts are built.
{{ config(materialized='table') }}

with products as (

    select * from {{ ref('stg_catalog__products') }}

),

quality as (

    select * from {{ ref('stg_catalog__product_quality') }}

)

select
    products.product_id,
    products.seller_id,
    products.title,
    products.category,
    products.url,
    products.price_minor,
    products.price_up_to_minor,
    products.currency,
    products.has_image,
    products.is_in_stock,
    products.is_live,
    products.first_seen_at,
    products.last_seen_at,
    products.updated_at,
    quality.verdict as quality_verdict,
    quality.reasons as quality_reasons
from products
left join quality
    on
        products.product_id = quality.product_id
        and products.content_hash = quality.content_hash
