-- One row per product and version of its title, category, price, stock and presence; gone products are there too, since
-- events of the past still name them.
{{
    config(
        indexes=[
            {'columns': ['product_version_key'], 'unique': true},
            {'columns': ['product_id', 'valid_from']},
            {'columns': ['seller_id']}
        ]
    )
}}

with versions as (

    select * from {{ ref('int_product_versions') }}

),

products as (

    select * from {{ ref('int_products_judged') }}

),

sellers as (

    select * from {{ ref('stg_catalog__sellers') }}

)

select
    versions.product_id || '/' || to_char(versions.valid_from at time zone 'UTC', 'YYYYMMDDHH24MISSUS')
        as product_version_key,
    versions.product_id,
    versions.valid_from,
    versions.valid_to,
    versions.is_current,
    versions.title,
    versions.category,
    products.seller_id,
    sellers.name as seller_name,
    sellers.city as seller_city,
    sellers.country as seller_country,
    versions.price_minor,
    versions.price_up_to_minor,
    versions.currency,
    products.has_image,
    versions.is_in_stock,
    versions.is_live,
    case when versions.is_current then products.quality_verdict end as quality_verdict,
    case when versions.is_current then products.quality_reasons end as quality_reasons,
    products.url,
    products.first_seen_at,
    products.last_seen_at,
    products.updated_at
from versions
inner join products on versions.product_id = products.product_id
inner join sellers on products.seller_id = sellers.seller_id
