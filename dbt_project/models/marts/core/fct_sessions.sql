-- One row per session of a known shopper.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['active_on', 'user_id'],
        on_schema_change='fail',
        indexes=[
            {'columns': ['active_on', 'user_id']},
            {'columns': ['started_on']},
            {'columns': ['known_at']}
        ]
    )
}}
{%- set since = watermark('known_at') if is_incremental() %}
{%- set hours = "interval '" ~ var("attribution_hours") ~ " hours'" %}

-- Not materialized: what is touched is found by an index, not by reading all.
with activities as not materialized (

    select * from {{ ref('int_activities_sessioned') }}
    where user_id is not null

),

orders as not materialized (

    select * from {{ ref('int_orders_placed') }}

),

{% if is_incremental() %}
    -- Days with a new activity, and those to which an order may now belong, or did before.
    touched as materialized (

        select
            actor,
            active_on
        from activities
        where known_at >= {{ since }}

        union distinct

        select
            orders.customer_id as actor,
            earlier.active_at::date as active_on
        from orders
        cross join
            lateral {{ utc_days('(orders.occurred_at - ' ~ hours ~ ')', 'orders.occurred_at') }} as earlier (active_at)
        where orders.known_at >= {{ since }}

        union distinct

        select
            actor,
            active_on
        from orders
        where known_at >= {{ since }}

    ),
{% endif %}

chosen as (

    {% if is_incremental() %}
        {{ looked_up('activities', ['actor', 'active_on']) }}
    {% else %}
        select * from activities
    {% endif %}

),

counted as (

    select
        session_key,
        user_id,
        active_on,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        (array_agg(occurred_on order by occurred_at, activity, activity_id))[1] as started_on,
        (array_agg(device order by occurred_at, activity, activity_id))[1] as device,
        (array_agg(source order by occurred_at, activity, activity_id))[1] as source,
        max(experiment) as experiment,
        max(variant) as variant,
        count(*) filter (where step = 'impression') as impressions,
        count(*) filter (where step = 'view') as views,
        count(*) filter (where step = 'click') as clicks,
        count(*) filter (where step = 'whatsapp') as whatsapp_starts,
        max(known_at) as known_at
    from chosen
    group by session_key, user_id, active_on

)

select
    counted.session_key,
    counted.user_id,
    counted.active_on,
    counted.started_at,
    counted.ended_at,
    counted.started_on,
    counted.device,
    counted.source,
    counted.experiment,
    counted.variant,
    counted.impressions,
    counted.views,
    counted.clicks,
    counted.whatsapp_starts,
    bought.orders,
    extract(epoch from counted.ended_at - counted.started_at)::double precision as seconds,
    greatest(counted.known_at, bought.known_at) as known_at
from counted
cross join
    lateral (
        select
            count(*) as orders,
            max(orders.known_at) as known_at
        from orders
        where
            orders.session_key = counted.session_key
            and orders.is_sale
    ) as bought
