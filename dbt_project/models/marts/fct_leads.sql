-- One row per lead to a known seller.
{{ config(indexes=[{'columns': ['seller_id', 'occurred_at']}]) }}

select
    event_id,
    seller_id,
    product_id,
    user_id,
    category,
    channel,
    channel = 'whatsapp' as is_whatsapp_start,
    occurred_at,
    occurred_on
from {{ ref('int_leads_attributed') }}
