-- One row per product and category that it had, in the order of time and without gaps. The first one holds for all time
-- before; a product whose history was not written has the category of the catalogue.
{{ config(materialized='table', indexes=[{'columns': ['product_id']}]) }}

with products as (

    select * from {{ ref('stg_catalog__products') }}

),

versions as (

    select
        *,
        row_number() over (partition by product_id, valid_from order by version_id desc) as recency
    from {{ ref('stg_catalog__product_versions') }}
    where field = 'category'

),

ordered as (

    select
        product_id,
        coalesce(value, '') as category,
        known_from,
        valid_from,
        lag(valid_from) over by_time as valid_from_before,
        lead(valid_from) over by_time as valid_to
    from versions
    where recency = 1
    window by_time as (partition by product_id order by valid_from)

)

select
    products.product_id,
    products.seller_id,
    coalesce(ordered.category, products.category) as category,
    case
        when ordered.valid_from_before is null then timestamptz '-infinity'
        else ordered.valid_from
    end as valid_from,
    coalesce(ordered.valid_to, timestamptz 'infinity') as valid_to,
    coalesce(ordered.known_from, products.first_seen_at) as known_at
from products
left join ordered on products.product_id = ordered.product_id
