-- One row per product, category it had and local day on which it was ordered. Few beside the days on which one was only seen.
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
