-- One row per interaction. A click that fired twice comes with two event ids but at one and the same instant.
-- A table: every fact and check after it reads it, and sorting the events once is enough. The index of shoppers begins
-- with the day, so that new rows go where others went lately, and not to a page each.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['active_on', 'user_id', 'occurred_at', 'product_id', 'kind'],
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[
            {'columns': ['active_on', 'user_id']},
            {'columns': ['received_at']},
            {'columns': ['product_id']}
        ]
    )
}}

with interactions as (

    select * from {{ ref('stg_raw__interactions') }}
    {% if is_incremental() %}
        where received_at >= {{ watermark('received_at') }}
    {% endif %}

),

ordered as (

    select
        *,
        (occurred_at at time zone 'UTC')::date as active_on,
        row_number() over (
            partition by occurred_at, user_id, product_id, kind
            order by received_at, event_id
        ) as copy
    from interactions

)

select
    ordered.event_id,
    ordered.user_id,
    ordered.product_id,
    ordered.kind,
    ordered.session_id,
    ordered.surface,
    ordered.device,
    ordered.traffic_source,
    ordered.active_on,
    ordered.occurred_at,
    ordered.received_at
from ordered
{% if is_incremental() %}
    left join {{ this }} as kept
        on
            ordered.active_on = kept.active_on
            and ordered.user_id = kept.user_id
            and ordered.occurred_at = kept.occurred_at
            and ordered.product_id = kept.product_id
            and ordered.kind = kept.kind
{% endif %}
where
    ordered.copy = 1
    {% if is_incremental() %}
        -- One that was received before all that are kept may have been committed after the last build.
        and (kept.event_id is null or (ordered.received_at, ordered.event_id) < (kept.received_at, kept.event_id))
    {% endif %}
