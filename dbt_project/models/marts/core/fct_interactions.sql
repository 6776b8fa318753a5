-- One row per interaction with a known product. A kind without a weight stops the build: its weight may not be null.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['user_id', 'occurred_at', 'product_id', 'kind'],
        on_schema_change='fail',
        indexes=[
            {'columns': ['occurred_at']},
            {'columns': ['known_at']}
        ]
    )
}}

with interactions as (

    select * from {{ ref('int_activities_sessioned') }}
    where
        activity = 'interaction'
        {% if is_incremental() %}
            and known_at >= {{ watermark('known_at') }}
        {% endif %}

),

weights as (

    select * from {{ ref('interaction_weights') }}

)

select
    interactions.activity_id as event_id,
    interactions.user_id,
    interactions.session_key,
    interactions.product_id,
    interactions.seller_id,
    interactions.category,
    interactions.step as kind,
    weights.weight,
    interactions.surface,
    interactions.device,
    interactions.source,
    interactions.experiment,
    interactions.variant,
    interactions.occurred_at,
    interactions.occurred_on,
    interactions.received_at,
    interactions.known_at
from interactions
left join weights on interactions.step = weights.kind
{% if is_incremental() %}
    left join {{ this }} as built
        on
            interactions.user_id = built.user_id
            and interactions.occurred_at = built.occurred_at
            and interactions.product_id = built.product_id
            and interactions.step = built.kind
    where
        built.event_id is null
        or (
            interactions.activity_id, interactions.session_key, interactions.category, weights.weight,
            interactions.device, interactions.source, interactions.experiment, interactions.variant,
            interactions.occurred_on, interactions.known_at
        ) is distinct from (
            built.event_id, built.session_key, built.category, built.weight, built.device, built.source,
            built.experiment, built.variant, built.occurred_on, built.known_at
        )
{% endif %}
