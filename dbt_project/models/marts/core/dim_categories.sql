-- One row per seller and category of what stands on the shelf; seller 0 is the whole market.
{{ config(indexes=[{'columns': ['seller_id', 'category'], 'unique': true}]) }}

select
    coalesce(seller_id, 0) as seller_id,
    category,
    count(*) as products
from {{ ref('dim_products') }}
where
    is_current
    and is_live
    and category <> ''
group by grouping sets ((seller_id, category), (category))
