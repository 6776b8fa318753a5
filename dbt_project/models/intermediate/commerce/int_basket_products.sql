-- One row per sale and product in it that is bought often enough to be paired. A table, since pairs read it twice.
{{ config(materialized='table', indexes=[{'columns': ['order_id']}]) }}

with products as (

    select distinct
        lines.seller_id,
        lines.order_id,
        lines.product_key
    from {{ ref('fct_order_lines') }} as lines
    inner join {{ ref('fct_orders') }} as orders on lines.order_id = orders.order_id
    where orders.is_sale

),

baskets as (

    select
        seller_id,
        count(distinct order_id) as baskets
    from products
    group by seller_id

),

-- Pairs are made of numbers, which are compared and hashed far faster than names.
counted as (

    select
        seller_id,
        product_key,
        count(*) as baskets_with,
        row_number() over (order by seller_id, product_key) as product_number
    from products
    group by seller_id, product_key

)

select
    products.order_id,
    counted.product_number,
    counted.seller_id,
    counted.product_key,
    counted.baskets_with,
    baskets.baskets
from products
inner join counted
    on
        products.seller_id = counted.seller_id
        and products.product_key = counted.product_key
inner join baskets on counted.seller_id = baskets.seller_id
where
    counted.baskets_with >= {{ var('affinity_min_baskets') }}
    and counted.baskets_with >= {{ var('affinity_min_support') }} * baskets.baskets
