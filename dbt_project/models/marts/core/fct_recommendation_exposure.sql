-- One row per answer and rank.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['answer_id', 'rank'],
        on_schema_change='fail',
        indexes=[
            {'columns': ['answer_id', 'rank'], 'unique': true},
            {'columns': ['experiment', 'user_id']},
            {'columns': ['served_on', 'seller_id']},
            {'columns': ['product_id']},
            {'columns': ['known_at']}
        ]
    )
}}

select
    answer_id,
    rank,
    user_id,
    product_id,
    seller_id,
    surface,
    source,
    propensity,
    model_version,
    experiment,
    variant,
    team,
    answer_seconds,
    views > 0 as is_viewed,
    clicks > 0 as is_clicked,
    wishlists > 0 as is_wishlisted,
    purchases > 0 as is_purchased,
    refusals > 0 as is_refused,
    served_at,
    served_on,
    known_at
from {{ ref('int_exposures_attributed') }}
{% if is_incremental() %}
    where known_at >= {{ watermark('known_at') }}
{% endif %}
