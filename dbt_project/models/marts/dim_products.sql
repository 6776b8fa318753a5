-- One row per product, gone ones included: events of the past still name them.
{{ config(indexes=[{'columns': ['product_id'], 'unique': true}, {'columns': ['seller_id']}]) }}

with products as (

    select * from {{ ref('int_products_judged') }}

),

sellers as (

    select * from {{ ref('stg_catalog__sellers') }}

)

select
    products.product_id,
    products.title,
    products.category,
    products.seller_id,
    sellers.name as seller_name,
    sellers.city as seller_city,
    sellers.country as seller_country,
    products.price_minor,
    products.price_up_to_minor,
    products.currency,
    products.has_image,
    products.is_in_stock,
    products.is_live,
    products.quality_verdict,
    products.quality_reasons,
    products.url,
    products.first_seen_at,
    products.last_seen_at,
    products.updated_at
from products
inner join sellers on products.seller_id = sellers.seller_id
