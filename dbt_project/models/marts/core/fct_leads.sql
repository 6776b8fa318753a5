-- One row per lead to a known seller. Device and source come from its session where it says none.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key='event_id',
        on_schema_change='fail',
        indexes=[
            {'columns': ['event_id'], 'unique': true},
            {'columns': ['seller_id', 'occurred_at']},
            {'columns': ['known_at']}
        ]
    )
}}

with leads as (

    select * from {{ ref('int_leads_attributed') }}

),

activities as (

    select * from {{ ref('int_activities_sessioned') }}
    where
        activity = 'lead'
        {% if is_incremental() %}
            and known_at >= {{ watermark('known_at') }}
        {% endif %}

),

described as (

    select
        leads.event_id,
        leads.seller_id,
        leads.product_id,
        leads.user_id,
        leads.category,
        leads.channel,
        leads.start_id,
        leads.attribution,
        leads.is_whatsapp_start,
        activities.device,
        activities.source,
        leads.occurred_at,
        leads.occurred_on,
        leads.received_at,
        activities.known_at
    from leads
    inner join activities
        on
            coalesce(leads.user_id, '#lead/' || leads.event_id) = activities.actor
            and (leads.occurred_at at time zone 'UTC')::date = activities.active_on
            and leads.event_id = activities.activity_id

)

select described.* from described
{% if is_incremental() %}
    left join {{ this }} as built on described.event_id = built.event_id
    where
        built.event_id is null
        or (
            described.product_id, described.category, described.start_id, described.attribution,
            described.is_whatsapp_start, described.device, described.source, described.known_at
        ) is distinct from (
            built.product_id, built.category, built.start_id, built.attribution,
            built.is_whatsapp_start, built.device, built.source, built.known_at
        )
{% endif %}
