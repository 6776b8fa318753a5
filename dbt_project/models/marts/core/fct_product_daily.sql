-- One row per product, category it had and local day on which it was shown, looked at, asked for or ordered.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['product_id', 'day_on'],
        on_schema_change='fail',
        indexes=[
            {'columns': ['seller_id', 'day_on']},
            {'columns': ['day_on']},
            {'columns': ['product_id', 'day_on']},
            {'columns': ['known_at']}
        ]
    )
}}
{%- set since = watermark('known_at') if is_incremental() %}

-- Not materialized: what is touched is found by an index, not by reading all.
with activities as not materialized (

    select * from {{ ref('int_activities_sessioned') }}
    where
        product_id is not null
        and step in ('impression', 'view', 'click', 'whatsapp', 'lead')

),

lines as (

    select * from {{ ref('int_order_lines_placed') }}

),

{% if is_incremental() %}
    touched as materialized (

        select
            occurred_on,
            seller_id,
            product_id
        from activities
        where known_at >= {{ since }}

        union distinct

        select
            occurred_on,
            seller_id,
            product_id
        from lines
        where known_at >= {{ since }}

    ),
{% endif %}

chosen as (

    {% if is_incremental() %}
        {{ looked_up('activities', ['occurred_on', 'seller_id', 'product_id']) }}
    {% else %}
        select * from activities
    {% endif %}

),

steps as (

    select
        product_id,
        seller_id,
        category,
        occurred_on,
        step,
        null::text as order_id,
        0 as units,
        0 as revenue_minor,
        known_at
    from chosen

    union all

    select
        lines.product_id,
        lines.seller_id,
        lines.category,
        lines.occurred_on,
        'order' as step,
        lines.order_id,
        lines.units,
        lines.revenue_minor,
        lines.known_at
    from lines
    {% if is_incremental() %}
        inner join touched
            on
                lines.occurred_on = touched.occurred_on
                and lines.product_id = touched.product_id
    {% endif %}

)

select
    product_id,
    seller_id,
    category,
    occurred_on as day_on,
    count(*) filter (where step = 'impression') as impressions,
    count(*) filter (where step = 'view') as views,
    count(*) filter (where step = 'click') as clicks,
    count(*) filter (where step = 'whatsapp') as whatsapp_starts,
    count(distinct order_id) as orders,
    sum(units)::bigint as units,
    sum(revenue_minor)::bigint as revenue_minor,
    max(known_at) as known_at
from steps
group by product_id, seller_id, category, occurred_on
{% if not is_incremental() %}
    -- A seller's days lie side by side: a dashboard reads few pages.
    order by seller_id, occurred_on
{% endif %}
