-- One row per local day and seller of whom anything was shown on it.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['served_on', 'seller_id'],
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['served_on', 'seller_id'], 'unique': true}]
    )
}}

-- Not materialized: what is touched is found by an index, not by reading all.
with exposures as not materialized (

    select * from {{ ref('int_exposures_attributed') }}

),

{% if is_incremental() %}
    touched as materialized (

        select distinct
            served_on,
            seller_id
        from exposures
        where known_at >= {{ watermark('known_at') }}

    ),
{% endif %}

chosen as (

    {% if is_incremental() %}
        {{ looked_up('exposures', ['served_on', 'seller_id']) }}
    {% else %}
        select * from exposures
    {% endif %}

)

select
    served_on,
    seller_id,
    count(*) as impressions,
    sum(clicks)::bigint as clicks,
    sum(purchases)::bigint as purchases,
    max(known_at) as known_at
from chosen
group by served_on, seller_id
