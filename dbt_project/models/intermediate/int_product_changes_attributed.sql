-- One row per product, sync and changed field.
with changes as (

    select * from {{ ref('stg_catalog__product_changes') }}

),

products as (

    select * from {{ ref('int_products_judged') }}

)

select
    changes.change_id,
    changes.product_id,
    changes.seller_id,
    products.category,
    changes.sync_id,
    changes.kind,
    changes.field,
    changes.old_value,
    changes.new_value,
    changes.observed_at,
    {{ local_day('changes.observed_at') }} as observed_on
from changes
inner join products on changes.product_id = products.product_id
