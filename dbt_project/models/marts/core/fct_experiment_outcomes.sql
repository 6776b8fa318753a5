-- One row per experiment, variant and shopper who was shown anything in it.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
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

),

{% if is_incremental() %}
    touched as materialized (

        select distinct
            experiment,
            variant,
            user_id
        from exposures
        where known_at >= {{ watermark('known_at') }}

    ),
{% endif %}

chosen as (

    {% if is_incremental() %}
        {{ looked_up('exposures', ['experiment', 'variant', 'user_id']) }}
    {% else %}
        select * from exposures
    {% endif %}

)

select
    experiment,
    variant,
    user_id,
    count(distinct answer_id) as answers,
    count(*) as exposures,
    sum(views)::bigint as views,
    sum(clicks)::bigint as clicks,
    sum(wishlists)::bigint as wishlists,
    sum(purchases)::bigint as purchases,
    sum(refusals)::bigint as refusals,
    -- Added up as decimals, whose sum is the same in any order.
    avg(answer_seconds::numeric)::double precision as answer_seconds,
    min(served_at) as first_served_at,
    max(served_at) as last_served_at,
    max(known_at) as known_at
from chosen
group by experiment, variant, user_id
