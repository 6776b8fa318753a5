-- One row per order, with the step that led to it. Matched: the order quotes the code of a chat with its seller.
-- Probable: its customer began a chat with the seller, or clicked on a product of theirs, within the hours before; the
-- last such step is named. Else nobody knows.
-- Late news of a chat or click counts for every order that may have come of it.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key='order_id',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['order_id'], 'unique': true}, {'columns': ['known_at']}]
    )
}}
{%- set since = watermark('known_at') if is_incremental() %}
{%- set hours = "interval '" ~ var("attribution_hours") ~ " hours'" %}

with all_orders as (

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

-- Not materialized: what is touched is found by an index, not by reading all.
activities as not materialized (

    select * from {{ ref('int_activities_sessioned') }}

),

{% if is_incremental() %}
    fresh as materialized (

        select
            activity_id,
            actor,
            seller_id,
            occurred_at,
            activity = 'start' as is_start
        from activities
        where known_at >= {{ since }}

    ),

    touched as (

        select order_id from all_orders
        where received_at >= {{ since }}

        union distinct

        select all_orders.order_id
        from fresh
        inner join all_orders
            on
                fresh.actor = all_orders.customer_id
                and fresh.seller_id = all_orders.seller_id
                and fresh.occurred_at <= all_orders.occurred_at
                and fresh.occurred_at > all_orders.occurred_at - {{ hours }}

        union distinct

        select all_orders.order_id
        from fresh
        inner join starts on fresh.activity_id = starts.start_id
        inner join all_orders on starts.start_code = all_orders.start_code
        where fresh.is_start

    ),

    orders as materialized (

        select all_orders.*
        from touched
        inner join all_orders on touched.order_id = all_orders.order_id

    ),
{% else %}
    orders as (

        select * from all_orders

    ),
{% endif %}

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
    cross join
        lateral {{ utc_days('(orders.occurred_at - ' ~ hours ~ ')', 'orders.occurred_at') }} as earlier (active_at)
    inner join activities
        on
            earlier.active_at::date = activities.active_on
            and orders.customer_id = activities.actor
            and orders.seller_id = activities.seller_id
            and activities.occurred_at > orders.occurred_at - {{ hours }}
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
