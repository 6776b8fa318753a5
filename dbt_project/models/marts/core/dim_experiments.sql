-- One row per experiment and variant.
{{ config(indexes=[{'columns': ['experiment', 'variant'], 'unique': true}]) }}

with experiments as (

    select * from {{ ref('stg_serving__experiments') }}

)

select
    experiments.experiment,
    variants.variant ->> 'name' as variant,
    variants.place = 1 as is_control,
    experiments.hypothesis,
    experiments.status,
    experiments.is_interleaved,
    experiments.traffic,
    (variants.variant ->> 'share')::double precision as share,
    experiments.started_at,
    experiments.ended_at
from experiments
cross join lateral jsonb_array_elements(experiments.variants) with ordinality as variants (variant, place)
