-- One row per interaction with a known product. A kind without a weight stops the build: its weight may not be null.
{{
    config(
        indexes=[
            {'columns': ['user_id', 'occurred_at']},
            {'columns': ['product_id']},
            {'columns': ['occurred_at']}
        ]
    )
}}

with interactions as (

    select * from {{ ref('int_interactions_attributed') }}

),

weights as (

    select * from {{ ref('interaction_weights') }}

)

select
    interactions.event_id,
    interactions.user_id,
    interactions.product_id,
    interactions.seller_id,
    interactions.category,
    interactions.kind,
    weights.weight,
    interactions.surface,
    interactions.occurred_at,
    interactions.occurred_on
from interactions
left join weights on interactions.kind = weights.kind
