-- One row per product and sync that changed its price.
-- Prices are written as `250000 KES`, ranges as `250000-300000 KES`.
with changes as (

    select * from {{ ref('int_product_changes_attributed') }}
    where kind = 'price'

),

parsed as (

    select
        *,
        split_part(split_part(old_value, ' ', 1), '-', 1)::bigint as old_price_minor,
        split_part(split_part(new_value, ' ', 1), '-', 1)::bigint as new_price_minor,
        split_part(old_value, ' ', 2) as old_currency,
        split_part(new_value, ' ', 2) as new_currency
    from changes

)

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
    case
        when old_currency = new_currency
            then {{ rate('(new_price_minor - old_price_minor)', 'old_price_minor') }}
    end as price_change_rate,
    observed_at,
    observed_on
from parsed
