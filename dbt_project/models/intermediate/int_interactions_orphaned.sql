-- One row per interaction with a product that the catalogue does not know.
with interactions as (

    select * from {{ ref('int_interactions_deduplicated') }}

),

products as (

    select distinct product_id from {{ ref('int_product_categories') }}

)

select
    interactions.event_id,
    interactions.user_id,
    interactions.product_id,
    interactions.kind,
    interactions.surface,
    interactions.occurred_at,
    interactions.received_at
from interactions
left join products on interactions.product_id = products.product_id
where products.product_id is null
