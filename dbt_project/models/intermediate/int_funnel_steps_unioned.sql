-- One row per step: an interaction, or a lead whose step is its channel.
with interactions as (

    select * from {{ ref('int_interactions_attributed') }}

),

leads as (

    select * from {{ ref('int_leads_attributed') }}

)

select
    event_id,
    occurred_on,
    seller_id,
    category,
    user_id,
    kind as step
from interactions

union all

select
    event_id,
    occurred_on,
    seller_id,
    category,
    user_id,
    channel as step
from leads
