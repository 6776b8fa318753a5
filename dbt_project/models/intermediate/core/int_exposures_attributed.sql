-- One row per answer and rank, with what followed. Of all that showed a shopper a product within the hours before an
-- interaction with it, the last is credited, so that no click counts twice.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['answer_id', 'rank'],
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[
            {'columns': ['answer_id', 'rank'], 'unique': true},
            {'columns': ['seller_id', 'served_at']},
            {'columns': ['served_on', 'seller_id']},
            {'columns': ['experiment', 'variant', 'user_id']},
            {'columns': ['known_at']}
        ]
    )
}}
{%- set since = watermark('known_at') if is_incremental() %}
{%- set hours = "interval '" ~ var("attribution_hours") ~ " hours'" %}

-- Not materialized: what is touched is found by an index, not by reading all.
with exposures as not materialized (

    select * from {{ ref('stg_raw__exposures') }}

),

interactions as not materialized (

    select * from {{ ref('int_interactions_deduplicated') }}

),

sellers as (

    select * from {{ ref('int_sellers_located') }}

),

{% if is_incremental() %}
    -- A showing takes what followed from the one before it, so whatever is new touches the showings before.
    fresh as (

        select
            user_id,
            product_id,
            occurred_at
        from interactions
        where received_at >= {{ since }}

        union all

        select
            user_id,
            product_id,
            served_at as occurred_at
        from exposures
        where
            served_at >= {{ since }}
            and user_id is not null

    ),

    -- Sellers of whom no showing was kept: until now they may not have been known.
    arrived as (

        select sellers.seller_id
        from sellers
        where not exists (
            select 1 from {{ this }} as kept
            where kept.seller_id = sellers.seller_id
        )

    ),

    touched as materialized (

        select
            shown.answer_id,
            shown.rank
        from fresh
        cross join
            lateral (
                select
                    exposures.answer_id,
                    exposures.rank
                from exposures
                where
                    exposures.user_id = fresh.user_id
                    and exposures.product_id = fresh.product_id
                    and exposures.served_at <= fresh.occurred_at
                    and exposures.served_at > fresh.occurred_at - {{ hours }}
                {{ fence() }}
            ) as shown

        union distinct

        select
            answer_id,
            rank
        from exposures
        where served_at >= {{ since }}

        union distinct

        select
            exposures.answer_id,
            exposures.rank
        from arrived
        inner join exposures on arrived.seller_id = exposures.seller_id

    ),

    chosen as materialized (

        {{ looked_up('exposures', ['answer_id', 'rank']) }}

    ),

    following as (

        select distinct done.*
        from chosen
        cross join
            lateral {{ utc_days('chosen.served_at', '(chosen.served_at + ' ~ hours ~ ')') }} as later (active_at)
        cross join
            lateral (
                select interactions.* from interactions
                where
                    interactions.active_on = later.active_at::date
                    and interactions.user_id = chosen.user_id
                    and interactions.product_id = chosen.product_id
                    and interactions.occurred_at >= chosen.served_at
                    and interactions.occurred_at < chosen.served_at + {{ hours }}
                {{ fence() }}
            ) as done

    ),
{% else %}
    chosen as not materialized (

        select * from exposures

    ),

    following as not materialized (

        select * from interactions

    ),
{% endif %}

candidates as (

    select
        following.kind,
        following.received_at,
        exposures.answer_id,
        exposures.rank,
        row_number() over (
            partition by following.event_id
            order by exposures.served_at desc, exposures.answer_id desc, exposures.rank asc
        ) = 1 as is_credited
    from following
    {% if is_incremental() %}
        cross join
            lateral (
                select
                    shown.answer_id,
                    shown.rank,
                    shown.served_at
                from exposures as shown
                where
                    shown.user_id = following.user_id
                    and shown.product_id = following.product_id
                    and shown.served_at <= following.occurred_at
                    and shown.served_at > following.occurred_at - {{ hours }}
                {{ fence() }}
            ) as exposures
    {% else %}
        inner join exposures
            on
                following.user_id = exposures.user_id
                and following.product_id = exposures.product_id
                and following.occurred_at >= exposures.served_at
                and following.occurred_at < exposures.served_at + {{ hours }}
    {% endif %}

),

-- When the last thing was known counts what went to another showing too: it may have been credited here before.
followed as (

    select
        answer_id,
        rank,
        count(*) filter (where is_credited and kind = 'view') as views,
        count(*) filter (where is_credited and kind = 'click') as clicks,
        count(*) filter (where is_credited and kind = 'wishlist') as wishlists,
        count(*) filter (where is_credited and kind = 'purchase') as purchases,
        count(*) filter (where is_credited and kind in ('hide', 'report')) as refusals,
        max(received_at) as known_at
    from candidates
    group by answer_id, rank

)

select
    chosen.answer_id,
    chosen.rank,
    chosen.user_id,
    chosen.product_id,
    chosen.seller_id,
    chosen.surface,
    chosen.source,
    chosen.propensity,
    chosen.model_version,
    chosen.experiment,
    chosen.variant,
    chosen.team,
    chosen.answer_seconds,
    coalesce(followed.views, 0) as views,
    coalesce(followed.clicks, 0) as clicks,
    coalesce(followed.wishlists, 0) as wishlists,
    coalesce(followed.purchases, 0) as purchases,
    coalesce(followed.refusals, 0) as refusals,
    chosen.served_at,
    {{ local_day('chosen.served_at', 'sellers.time_zone') }} as served_on,
    greatest(chosen.served_at, followed.known_at) as known_at
from chosen
inner join sellers on chosen.seller_id = sellers.seller_id
left join followed
    on
        chosen.answer_id = followed.answer_id
        and chosen.rank = followed.rank
