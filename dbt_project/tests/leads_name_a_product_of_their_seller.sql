-- Leads that count for their seller but for no product, because the product they name is not one of that seller's.
{{ config(severity='warn') }}

with leads as (

    select * from {{ ref('int_leads_deduplicated') }}

),

attributed as (

    select * from {{ ref('int_leads_attributed') }}

)

select
    leads.event_id,
    leads.seller_id,
    leads.product_id
from leads
inner join attributed on leads.event_id = attributed.event_id
where
    leads.product_id is not null
    and attributed.product_id is null
