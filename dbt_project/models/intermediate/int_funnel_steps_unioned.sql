-- One row per step: an interaction, or a lead whose step is its channel. To hide or report a product is no step.
with interactions as (

    select * from {{ ref('int_interactions_attributed') }}
    where kind not in ('hide', 'report')

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
