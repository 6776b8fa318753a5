-- One row per product and sync that changed its price.
{{ config(indexes=[{'columns': ['product_id']}, {'columns': ['observed_on']}]) }}

select
    change_id,
    product_id,
    seller_id,
    category,
    sync_id,
    old_price_minor,
    old_currency,
    new_price_minor,
    new_currency,
    price_change_rate,
    observed_at,
    observed_on
from {{ ref('int_price_changes_parsed') }}
