-- One row per product, sync and changed field.
{{
    config(
        indexes=[
            {'columns': ['product_id']},
            {'columns': ['seller_id', 'observed_on']},
            {'columns': ['observed_on']}
        ]
    )
}}

select
    change_id,
    product_id,
    seller_id,
    category,
    sync_id,
    kind,
    field,
    old_value,
    new_value,
    observed_at,
    observed_on
from {{ ref('int_product_changes_attributed') }}
