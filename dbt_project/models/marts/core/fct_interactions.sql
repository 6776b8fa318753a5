-- One row per interaction with a known product. A kind without a weight stops the build: its weight may not be null.
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['user_id', 'occurred_at', 'product_id', 'kind'],
        on_schema_change='fail',
        indexes=[
            {'columns': ['user_id', 'occurred_at']},
            {'columns': ['product_id']},
            {'columns': ['occurred_at']},
            {'columns': ['known_at']}
        ]
    )
}}

-- Not materialized: what is touched is found by an index, not by reading all.
with activities as not materialized (

    select * from {{ ref('int_activities_sessioned') }}

),

weights as (

    select * from {{ ref('interaction_weights') }}

),

{% if is_incremental() %}
    -- A late activity may have joined two sessions or told their device: the shopper's whole day is looked at again.
    touched as materialized (

        select distinct
            actor,
            active_on
        from activities
        where known_at >= {{ watermark('known_at') }}

    ),
{% endif %}

chosen as (

    select activities.*
    from activities
    {% if is_incremental() %}
        inner join touched
            on
                activities.actor = touched.actor
                and activities.active_on = touched.active_on
    {% endif %}
    where activities.activity = 'interaction'

)

select
    chosen.activity_id as event_id,
    chosen.user_id,
    chosen.session_key,
    chosen.product_id,
    chosen.seller_id,
    chosen.category,
    chosen.step as kind,
    weights.weight,
    chosen.surface,
    chosen.device,
    chosen.source,
    chosen.experiment,
    chosen.variant,
    chosen.occurred_at,
    chosen.occurred_on,
    chosen.received_at,
    chosen.known_at
from chosen
left join weights on chosen.step = weights.kind
{% if is_incremental() %}
    left join {{ this }} as built
        on
            chosen.user_id = built.user_id
            and chosen.occurred_at = built.occurred_at
            and chosen.product_id = built.product_id
            and chosen.step = built.kind
    where
        built.event_id is null
        or (
            chosen.activity_id, chosen.session_key, chosen.category, weights.weight, chosen.device, chosen.source,
            chosen.experiment, chosen.variant, chosen.occurred_on, chosen.known_at
        ) is distinct from (
            built.event_id, built.session_key, built.category, built.weight, built.device, built.source,
            built.experiment, built.variant, built.occurred_on, built.known_at
        )
{% endif %}
