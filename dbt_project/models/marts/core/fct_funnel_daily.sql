-- One row per local day, seller, category, source, device, experiment and variant on which anything happened.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['funnel_on', 'seller_id'],
        on_schema_change='fail',
        indexes=[
            {'columns': ['seller_id', 'funnel_on']},
            {'columns': ['funnel_on']},
            {'columns': ['known_at']}
        ]
    )
}}
{%- set since = watermark('known_at') if is_incremental() %}

-- Not materialized: what is touched is found by an index, not by reading all.
with activities as not materialized (

    select * from {{ ref('int_activities_sessioned') }}

),

orders as (

    select * from {{ ref('int_orders_placed') }}

),

{% if is_incremental() %}
    touched as materialized (

        select
            occurred_on,
            seller_id
        from activities
        where known_at >= {{ since }}

        union distinct

        select
            occurred_on,
            seller_id
        from orders
        where known_at >= {{ since }}

    ),
{% endif %}

chosen as (

    {% if is_incremental() %}
        {{ looked_up('activities', ['occurred_on', 'seller_id']) }}
    {% else %}
        select * from activities
    {% endif %}

),

steps as (

    select
        occurred_on,
        seller_id,
        category,
        source,
        device,
        experiment,
        variant,
        step,
        known_at
    from chosen
    where step not in ('hide', 'report')

    union all

    select
        orders.occurred_on,
        orders.seller_id,
        orders.category,
        orders.source,
        orders.device,
        orders.experiment,
        orders.variant,
        case when orders.is_sale then orders.attribution else 'no sale' end as step,
        orders.known_at
    from orders
    {% if is_incremental() %}
        inner join touched
            on
                orders.occurred_on = touched.occurred_on
                and orders.seller_id = touched.seller_id
    {% endif %}

),

counted as (

    select
        occurred_on as funnel_on,
        seller_id,
        category,
        source,
        device,
        experiment,
        variant,
        count(*) filter (where step = 'impression') as impressions,
        count(*) filter (where step = 'view') as views,
        count(*) filter (where step = 'click') as clicks,
        count(*) filter (where step = 'whatsapp') as whatsapp_starts,
        count(*) filter (where step = 'wishlist') as wishlists,
        count(*) filter (where step = 'purchase') as purchases,
        count(*) filter (where step in ('matched', 'probable', 'unknown')) as orders,
        count(*) filter (where step = 'matched') as orders_matched,
        count(*) filter (where step = 'probable') as orders_probable,
        count(*) filter (where step = 'unknown') as orders_unknown,
        max(known_at) as known_at
    from steps
    group by occurred_on, seller_id, category, source, device, experiment, variant

)

select
    *,
    {{ rate('clicks', 'views') }} as view_to_click_rate,
    {{ rate('whatsapp_starts', 'clicks') }} as click_to_whatsapp_rate
from counted
{% if not is_incremental() %}
    -- A seller's days lie side by side: a dashboard reads few pages.
    order by seller_id, funnel_on
{% endif %}
