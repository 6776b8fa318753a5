-- One row per interaction with a known product.
with interactions as (

    select * from {{ ref('int_interactions_deduplicated') }}

),

products as (

    select * from {{ ref('int_products_judged') }}

)

select
    interactions.event_id,
    interactions.user_id,
    interactions.product_id,
    products.seller_id,
    products.category,
    interactions.kind,
    interactions.surface,
    interactions.occurred_at,
    {{ local_day('interactions.occurred_at') }} as occurred_on
from interactions
inner join products on interactions.product_id = products.product_id
