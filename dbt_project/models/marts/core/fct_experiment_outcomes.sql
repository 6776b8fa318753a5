-- One row per experiment, variant and shopper who was shown anything in it.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['experiment', 'variant', 'user_id'],
        on_schema_change='fail',
        indexes=[
            {'columns': ['experiment', 'variant', 'user_id'], 'unique': true},
            {'columns': ['known_at']}
        ]
    )
}}

-- Not materialized: what is touched is found by an index, not by reading all.
with exposures as not materialized (

    select * from {{ ref('int_exposures_attributed') }}
    where
        experiment is not null
        and variant is not null
        and user_id is not null

)

{% if is_incremental() %}
    ,

    touched as materialized (

        select distinct
            experiment,
            variant,
            user_id
        from exposures
        where known_at >= {{ watermark('known_at') }}

    )
{% endif %}

select
    exposures.experiment,
    exposures.variant,
    exposures.user_id,
    count(distinct exposures.answer_id) as answers,
    count(*) as exposures,
    sum(exposures.views)::bigint as views,
    sum(exposures.clicks)::bigint as clicks,
    sum(exposures.wishlists)::bigint as wishlists,
    sum(exposures.purchases)::bigint as purchases,
    sum(exposures.refusals)::bigint as refusals,
    -- Added up as decimals, whose sum is the same in any order.
    avg(exposures.answer_seconds::numeric)::double precision as answer_seconds,
    min(exposures.served_at) as first_served_at,
    max(exposures.served_at) as last_served_at,
    max(exposures.known_at) as known_at
from exposures
{% if is_incremental() %}
    inner join touched
        on
            exposures.experiment = touched.experiment
            and exposures.variant = touched.variant
            and exposures.user_id = touched.user_id
{% endif %}
group by exposures.experiment, exposures.variant, exposures.user_id
