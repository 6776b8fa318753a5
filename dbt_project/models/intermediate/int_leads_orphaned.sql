-- One row per lead to a seller that the catalogue does not know.
with leads as (

    select * from {{ ref('int_leads_deduplicated') }}

),

sellers as (

    select * from {{ ref('stg_catalog__sellers') }}

)

select
    leads.event_id,
    leads.seller_id,
    leads.product_id,
    leads.user_id,
    leads.channel,
    leads.occurred_at,
    leads.received_at
from leads
left join sellers on leads.seller_id = sellers.seller_id
where sellers.seller_id is null
