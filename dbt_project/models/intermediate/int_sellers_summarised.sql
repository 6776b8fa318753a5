-- One row per seller that has products.
with products as (

    select * from {{ ref('int_products_judged') }}

)

select
    seller_id,
    count(*) as products,
    count(*) filter (where is_live) as live_products,
    count(*) filter (where is_live and quality_verdict = 'approved') as approved_products,
    count(*) filter (where is_live and quality_verdict = 'flagged') as flagged_products,
    count(*) filter (where is_live and quality_verdict = 'rejected') as rejected_products
from products
group by seller_id
