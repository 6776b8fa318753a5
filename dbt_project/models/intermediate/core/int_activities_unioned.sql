-- One row per activity: an interaction, an impression by recommendations, a chat that a link of ours began, or a lead.
select
    'interaction' as activity,
    event_id as activity_id,
    user_id,
    product_id,
    null::bigint as seller_id,
    kind as step,
    session_id,
    surface,
    device,
    traffic_source,
    null::text as experiment,
    null::text as variant,
    active_on,
    occurred_at,
    received_at
from {{ ref('int_interactions_deduplicated') }}

union all

select
    'impression' as activity,
    answer_id || '/' || rank as activity_id,
    user_id,
    product_id,
    null::bigint as seller_id,
    'impression' as step,
    null::text as session_id,
    surface,
    device,
    null::text as traffic_source,
    experiment,
    variant,
    (served_at at time zone 'UTC')::date as active_on,
    served_at as occurred_at,
    served_at as received_at
from {{ ref('stg_raw__exposures') }}

union all

select
    'start' as activity,
    start_id as activity_id,
    user_id,
    product_id,
    seller_id,
    'whatsapp' as step,
    session_id,
    surface,
    device,
    traffic_source,
    null::text as experiment,
    null::text as variant,
    (occurred_at at time zone 'UTC')::date as active_on,
    occurred_at,
    received_at
from {{ ref('stg_raw__whatsapp_starts') }}

union all

-- A lead on WhatsApp is a start of its own unless it came of one that is counted above.
select
    'lead' as activity,
    event_id as activity_id,
    user_id,
    product_id,
    seller_id,
    case when is_whatsapp_start then 'whatsapp' else 'lead' end as step,
    null::text as session_id,
    null::text as surface,
    device,
    traffic_source,
    null::text as experiment,
    null::text as variant,
    (occurred_at at time zone 'UTC')::date as active_on,
    occurred_at,
    known_at as received_at
from {{ ref('int_leads_attributed') }}
