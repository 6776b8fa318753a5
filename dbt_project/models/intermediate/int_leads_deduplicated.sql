-- One row per lead. Leads without a shopper cannot be told apart from one another, so each of them counts.
-- A table: leads that land while the marts are built belong to the next build, in every model alike.
{{ config(materialized='table') }}

with leads as (

    select * from {{ ref('stg_raw__leads') }}

),

ordered as (

    select
        *,
        row_number() over (
            partition by coalesce(user_id, event_id), seller_id, product_id, channel, occurred_at
            order by received_at, event_id
        ) as copy
    from leads

)

select
    event_id,
    seller_id,
    product_id,
    user_id,
    channel,
    start_code,
    device,
    traffic_source,
    occurred_at,
    received_at
from ordered
where copy = 1
