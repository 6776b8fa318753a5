-- One row per local day, country, category, source and device on which anything happened.
-- Late news of a seller's day may change the next day of another in a zone of its own: neighbours are summed again too.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key='funnel_on',
        on_schema_change='fail',
        indexes=[
            {'columns': ['category', 'funnel_on']},
            {'columns': ['funnel_on']},
            {'columns': ['known_at']}
        ]
    )
}}

-- Not materialized: what is touched is found by an index, not by reading all.
with funnel as not materialized (

    select * from {{ ref('fct_funnel_daily') }}

),

sellers as (

    select * from {{ ref('dim_sellers') }}

),

{% if is_incremental() %}
    touched as materialized (

        select distinct funnel.funnel_on + beside.days as funnel_on
        from funnel
        cross join generate_series(-1, 1) as beside (days)
        where funnel.known_at >= {{ watermark('known_at') }}

    ),
{% endif %}

chosen as (

    {% if is_incremental() %}
        {{ looked_up('funnel', ['funnel_on']) }}
    {% else %}
        select * from funnel
    {% endif %}

)

select
    chosen.funnel_on,
    sellers.country,
    chosen.category,
    chosen.source,
    chosen.device,
    {{ funnel_summed() }},
    max(chosen.known_at) as known_at
from chosen
inner join sellers on chosen.seller_id = sellers.seller_id
group by chosen.funnel_on, sellers.country, chosen.category, chosen.source, chosen.device
