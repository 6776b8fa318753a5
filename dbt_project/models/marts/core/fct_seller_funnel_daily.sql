-- One row per local day, seller, source and device on which anything happened.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['seller_id', 'funnel_on'],
        on_schema_change='fail',
        indexes=[
            {'columns': ['seller_id', 'funnel_on', 'source', 'device'], 'unique': true},
            {'columns': ['known_at']}
        ]
    )
}}

-- Not materialized: what is touched is found by an index, not by reading all.
with funnel as not materialized (

    select * from {{ ref('fct_funnel_daily') }}

),

{% if is_incremental() %}
    touched as materialized (

        select distinct
            seller_id,
            funnel_on
        from funnel
        where known_at >= {{ watermark('known_at') }}

    ),
{% endif %}

chosen as (

    {% if is_incremental() %}
        {{ looked_up('funnel', ['seller_id', 'funnel_on']) }}
    {% else %}
        select * from funnel
    {% endif %}

)

select
    funnel_on,
    seller_id,
    source,
    device,
    {{ funnel_summed() }},
    max(known_at) as known_at
from chosen
group by funnel_on, seller_id, source, device
{% if not is_incremental() %}
    -- A seller's days lie side by side: a dashboard reads few pages.
    order by seller_id, funnel_on
{% endif %}
