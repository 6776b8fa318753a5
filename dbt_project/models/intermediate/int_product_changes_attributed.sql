-- One row per product, sync and changed field.
with changes as (

    select * from {{ ref('stg_catalog__product_changes') }}

),

categories as (

    select * from {{ ref('int_product_categories') }}

),

sellers as (

    select * from {{ ref('int_sellers_located') }}

)

select
    changes.change_id,
    changes.product_id,
    changes.seller_id,
    categories.category,
    changes.sync_id,
    changes.kind,
    changes.field,
    changes.old_value,
    changes.new_value,
    changes.observed_at,
    {{ local_day('changes.observed_at', 'sellers.time_zone') }} as observed_on
from changes
inner join categories
    on
        changes.product_id = categories.product_id
        and changes.observed_at >= categories.valid_from
        and changes.observed_at < categories.valid_to
inner join sellers on changes.seller_id = sellers.seller_id
