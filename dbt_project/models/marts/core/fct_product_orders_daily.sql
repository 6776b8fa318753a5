-- One row per product, category it had and local day on which it was ordered: few of the days on which it was seen.
{{
    config(
        indexes=[
            {'columns': ['day_on', 'product_id', 'category'], 'unique': true},
            {'columns': ['category', 'day_on']}
        ]
    )
}}

select
    day_on,
    product_id,
    seller_id,
    category,
    orders
from {{ ref('fct_product_daily') }}
where orders > 0
order by day_on, product_id, category
