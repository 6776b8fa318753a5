-- One row per local day and seller of whom anything was shown on it.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['served_on', 'seller_id'],
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['served_on', 'seller_id'], 'unique': true}]
    )
}}

-- Not materialized: what is touched is found by an index, not by reading all.
with exposures as not materialized (

    select * from {{ ref('int_exposures_attributed') }}

)

{% if is_incremental() %}
    ,

    touched as materialized (

        select distinct
            served_on,
            seller_id
        from exposures
        where known_at >= {{ watermark('known_at') }}

    )
{% endif %}

select
    exposures.served_on,
    exposures.seller_id,
    count(*) as impressions,
    sum(exposures.clicks)::bigint as clicks,
    sum(exposures.purchases)::bigint as purchases,
    max(exposures.known_at) as known_at
from exposures
{% if is_incremental() %}
    inner join touched
        on
            exposures.served_on = touched.served_on
            and exposures.seller_id = touched.seller_id
{% endif %}
group by exposures.served_on, exposures.seller_id
