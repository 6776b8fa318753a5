-- One row per activity of a known seller, in its session, with seller, category, local day, device, source and variant.
-- A shopper's UTC day is built as a whole: sessions end with it, so no other day can change what is said of this one;
-- and all of it is known when the last of it was, since one activity may tell the device of another.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['active_on', 'actor'],
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[
            {'columns': ['active_on', 'actor']},
            {'columns': ['occurred_on', 'seller_id', 'product_id']},
            {'columns': ['known_at']}
        ]
    )
}}
{%- set since = watermark('known_at') if is_incremental() %}

with categories as (

    select * from {{ ref('int_product_categories') }}

),

sellers as (

    select * from {{ ref('int_sellers_located') }}

),

-- Not materialized: what is touched is found by an index, not by reading all.
activities as not materialized (

    select * from {{ ref('int_activities_unioned') }}

),

{% if is_incremental() %}
    -- What was received since, and what is of a product or category that we know only since.
    fresh as (

        select
            user_id,
            active_on
        from activities
        where
            received_at >= {{ since }}
            and user_id is not null

        union all

        select
            activities.user_id,
            activities.active_on
        from categories
        inner join activities
            on
                categories.product_id = activities.product_id
                and categories.valid_from <= activities.occurred_at
                and categories.valid_to > activities.occurred_at
        where
            categories.known_at >= {{ since }}
            and activities.user_id is not null

    ),

    touched as materialized (

        select distinct
            user_id,
            active_on
        from fresh

    ),

    chosen as (

        select of_day.*
        from touched
        cross join
            lateral (
                select activities.* from activities
                where
                    activities.user_id = touched.user_id
                    and activities.active_on = touched.active_on
                    and activities.occurred_at >= touched.active_on::timestamp at time zone 'UTC'
                    and activities.occurred_at < (touched.active_on + 1)::timestamp at time zone 'UTC'
                {{ fence() }}
            ) as of_day

        union all

        select * from activities
        where
            user_id is null
            and received_at >= {{ since }}

        union all

        select * from activities
        where
            user_id is null
            and received_at < {{ since }}
            and product_id in (
                select categories.product_id from categories
                where categories.known_at >= {{ since }}
            )

    ),
{% else %}
    chosen as (

        select * from activities

    ),
{% endif %}

placed as (

    select
        *,
        coalesce(user_id, '#' || activity || '/' || activity_id) as actor
    from chosen

),

paused as (

    select
        *,
        occurred_at - lag(occurred_at) over (
            partition by active_on, actor order by occurred_at, activity, activity_id
        ) > interval '{{ var("session_gap_minutes") }} minutes' as is_after_pause
    from placed

),

numbered as (

    select
        *,
        count(*) filter (where is_after_pause) over (
            partition by active_on, actor order by occurred_at, activity, activity_id rows unbounded preceding
        ) as burst,
        max(received_at) over (partition by active_on, actor) as day_received_at
    from paused

),

-- The client's own session first, then the one that others of the same burst name, then the burst itself.
named as (

    select
        *,
        coalesce(
            session_id, min(session_id) over in_burst, extract(epoch from min(occurred_at) over in_burst)::bigint::text
        ) as session_name
    from numbered
    window in_burst as (partition by active_on, actor, burst)

),

described as (

    select
        *,
        min(device) over in_session as session_device,
        min(traffic_source) over in_session as session_source,
        min(experiment || chr(31) || variant) over in_session as session_trial
    from named
    window in_session as (partition by active_on, actor, session_name)

)

select
    described.activity,
    described.activity_id,
    described.actor,
    described.active_on,
    described.user_id,
    case
        when described.user_id is not null
            then described.user_id || '/' || described.active_on || '/' || described.session_name
    end as session_key,
    case when sellers.seller_id = categories.seller_id then categories.product_id end as product_id,
    sellers.seller_id,
    case when sellers.seller_id = categories.seller_id then categories.category else '' end as category,
    described.step,
    described.surface,
    coalesce(described.device, described.session_device, 'unknown') as device,
    coalesce(described.traffic_source, described.session_source, 'unknown') as source,
    coalesce(described.experiment, split_part(described.session_trial, chr(31), 1), '') as experiment,
    coalesce(described.variant, split_part(described.session_trial, chr(31), 2), '') as variant,
    described.occurred_at,
    {{ local_day('described.occurred_at', 'sellers.time_zone') }} as occurred_on,
    described.received_at,
    greatest(described.day_received_at, categories.known_at) as known_at
from described
left join categories
    on
        described.product_id = categories.product_id
        and described.occurred_at >= categories.valid_from
        and described.occurred_at < categories.valid_to
inner join sellers on coalesce(described.seller_id, categories.seller_id) = sellers.seller_id
