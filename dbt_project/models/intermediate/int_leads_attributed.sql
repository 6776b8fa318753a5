-- One row per lead to a known seller. The product counts only where it is that seller's own.
-- A lead that quotes the code of a chat comes from it; one of the same shopper to the same seller soon after a chat
-- began is probably the same, and within half an hour of it counts as no other start.
{{ config(materialized='table', indexes=[{'columns': ['event_id']}, {'columns': ['user_id', 'occurred_at']}]) }}

with leads as (

    select * from {{ ref('int_leads_deduplicated') }}

),

sellers as (

    select * from {{ ref('int_sellers_located') }}

),

categories as (

    select * from {{ ref('int_product_categories') }}

),

starts as (

    select * from {{ ref('stg_raw__whatsapp_starts') }}

),

near as (

    select
        leads.event_id,
        starts.start_id,
        starts.occurred_at,
        starts.received_at,
        starts.device,
        starts.traffic_source,
        row_number() over (partition by leads.event_id order by starts.occurred_at desc, starts.start_id asc) as recency
    from leads
    inner join starts
        on
            leads.user_id = starts.user_id
            and leads.seller_id = starts.seller_id
            and starts.occurred_at > leads.occurred_at - interval '{{ var("attribution_hours") }} hours'
            and starts.occurred_at <= leads.occurred_at + interval '{{ var("session_gap_minutes") }} minutes'

)

select
    leads.event_id,
    leads.seller_id,
    categories.product_id,
    leads.user_id,
    coalesce(categories.category, '') as category,
    leads.channel,
    coalesce(quoted.start_id, near.start_id) as start_id,
    case
        when quoted.start_id is not null then 'matched'
        when near.start_id is not null then 'probable'
        else 'unknown'
    end as attribution,
    leads.channel = 'whatsapp'
    and quoted.start_id is null
    and coalesce(
        near.occurred_at < leads.occurred_at - interval '{{ var("session_gap_minutes") }} minutes', true
    ) as is_whatsapp_start,
    coalesce(leads.device, quoted.device, near.device) as device,
    coalesce(leads.traffic_source, quoted.traffic_source, near.traffic_source) as traffic_source,
    leads.occurred_at,
    {{ local_day('leads.occurred_at', 'sellers.time_zone') }} as occurred_on,
    leads.received_at,
    greatest(leads.received_at, quoted.received_at, near.received_at, categories.known_at) as known_at
from leads
inner join sellers on leads.seller_id = sellers.seller_id
left join categories
    on
        leads.product_id = categories.product_id
        and leads.seller_id = categories.seller_id
        and leads.occurred_at >= categories.valid_from
        and leads.occurred_at < categories.valid_to
left join starts as quoted
    on
        leads.start_code = quoted.start_code
        and leads.seller_id = quoted.seller_id
left join near
    on
        leads.event_id = near.event_id
        and near.recency = 1
