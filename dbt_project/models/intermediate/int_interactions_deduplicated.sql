-- One row per interaction. A click that fired twice comes with two event ids but at one and the same instant.
-- A table: every fact and check after it reads it, and sorting the events once is enough.
{{ config(materialized='table') }}

with interactions as (

    select * from {{ ref('stg_raw__interactions') }}

),

ordered as (

    select
        *,
        row_number() over (
            partition by user_id, product_id, kind, occurred_at
            order by received_at, event_id
        ) as copy
    from interactions

)

select
    event_id,
    user_id,
    product_id,
    kind,
    session_id,
    surface,
    occurred_at,
    received_at
from ordered
where copy = 1
