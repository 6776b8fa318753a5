-- One row per order, with the step that led to it. Matched: the order quotes the code of a chat with its seller.
-- Probable: its customer began a chat with the seller, or clicked on a product of theirs, within the hours before; the
-- last such step is named. Else nobody knows.
{{ config(materialized='table', indexes=[{'columns': ['order_id']}]) }}

with orders as (

    select * from {{ ref('stg_raw__orders') }}

),

starts as (

    select
        start_id,
        start_code,
        seller_id,
        coalesce(user_id, '#start/' || start_id) as actor,
        (occurred_at at time zone 'UTC')::date as active_on
    from {{ ref('stg_raw__whatsapp_starts') }}

),

activities as (

    select * from {{ ref('int_activities_sessioned') }}

),

quoted as (

    select
        orders.order_id,
        activities.activity,
        activities.activity_id,
        activities.actor,
        activities.active_on,
        activities.session_key,
        activities.source,
        activities.device,
        activities.experiment,
        activities.variant,
        activities.occurred_at,
        activities.known_at,
        true as is_quoted
    from orders
    inner join starts
        on
            orders.start_code = starts.start_code
            and orders.seller_id = starts.seller_id
    inner join activities
        on
            starts.actor = activities.actor
            and starts.active_on = activities.active_on
            and starts.start_id = activities.activity_id
            and activities.activity = 'start'

),

followed as (

    select
        orders.order_id,
        activities.activity,
        activities.activity_id,
        activities.actor,
        activities.active_on,
        activities.session_key,
        activities.source,
        activities.device,
        activities.experiment,
        activities.variant,
        activities.occurred_at,
        activities.known_at,
        false as is_quoted
    from orders
    inner join activities
        on
            orders.customer_id = activities.actor
            and orders.seller_id = activities.seller_id
            and activities.active_on >= (
                (orders.occurred_at - interval '{{ var("attribution_hours") }} hours') at time zone 'UTC'
            )::date
            and activities.active_on <= (orders.occurred_at at time zone 'UTC')::date
            and activities.occurred_at > orders.occurred_at - interval '{{ var("attribution_hours") }} hours'
            and orders.occurred_at >= activities.occurred_at
    where activities.step in ('whatsapp', 'click')

),

candidates as (

    select * from quoted

    union all

    select * from followed

),

ordered as (

    select
        *,
        row_number() over (
            partition by order_id order by is_quoted desc, occurred_at desc, activity desc, activity_id asc
        ) as place
    from candidates

)

select
    orders.order_id,
    orders.seller_id,
    orders.customer_id,
    case when ordered.activity = 'start' then ordered.activity_id end as start_id,
    case
        when ordered.is_quoted then 'matched'
        when ordered.order_id is not null then 'probable'
        else 'unknown'
    end as attribution,
    ordered.actor,
    ordered.active_on,
    ordered.session_key,
    coalesce(orders.traffic_source, ordered.source, 'unknown') as source,
    coalesce(orders.device, ordered.device, 'unknown') as device,
    coalesce(ordered.experiment, '') as experiment,
    coalesce(ordered.variant, '') as variant,
    orders.occurred_at,
    greatest(orders.received_at, ordered.known_at) as known_at
from orders
left join ordered
    on
        orders.order_id = ordered.order_id
        and ordered.place = 1
