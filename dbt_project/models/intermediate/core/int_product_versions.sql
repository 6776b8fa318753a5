-- One row per product and version of what an analyst asks for: title, category, price, stock and whether it is live.
with products as (

    select * from {{ ref('stg_catalog__products') }}

),

versions as (

    select
        *,
        row_number() over (partition by product_id, field, valid_from order by version_id desc) as recency
    from {{ ref('stg_catalog__product_versions') }}
    where field in ('title', 'category', 'price', 'in_stock', 'status')

),

held as (

    select
        product_id,
        field,
        value,
        valid_from,
        lead(valid_from) over (partition by product_id, field order by valid_from) as valid_to
    from versions
    where recency = 1

),

moments as (

    select distinct
        product_id,
        valid_from
    from held

),

pictured as (

    select
        moments.product_id,
        moments.valid_from,
        max(held.value) filter (where held.field = 'title') as title,
        max(held.value) filter (where held.field = 'category') as category,
        max(held.value) filter (where held.field = 'price') as price,
        max(held.value) filter (where held.field = 'in_stock') as in_stock,
        max(held.value) filter (where held.field = 'status') as status
    from moments
    inner join held
        on
            moments.product_id = held.product_id
            and moments.valid_from >= held.valid_from
            and (moments.valid_from < held.valid_to or held.valid_to is null)
    group by moments.product_id, moments.valid_from

),

compared as (

    select
        *,
        row_number() over by_time as place,
        lag(array[title, category, price, in_stock, status]) over by_time as before
    from pictured
    window by_time as (partition by product_id order by valid_from)

),

moved as (

    select
        *,
        lead(valid_from) over (partition by product_id order by valid_from) as valid_to
    from compared
    where
        place = 1
        or before is distinct from array[title, category, price, in_stock, status]

)

-- The newest version is what the catalogue says; prices are written as `250000 KES`, ranges as `250000-300000 KES`.
select
    products.product_id,
    coalesce(moved.valid_from, products.first_seen_at) as valid_from,
    moved.valid_to,
    moved.valid_to is null as is_current,
    case when moved.valid_to is null then products.title else coalesce(moved.title, products.title) end as title,
    case when moved.valid_to is null then products.category else coalesce(moved.category, '') end as category,
    case
        when moved.valid_to is null then products.price_minor
        else split_part(split_part(moved.price, ' ', 1), '-', 1)::bigint
    end as price_minor,
    case
        when moved.valid_to is null then products.price_up_to_minor
        else nullif(split_part(split_part(moved.price, ' ', 1), '-', 2), '')::bigint
    end as price_up_to_minor,
    case when moved.valid_to is null then products.currency else split_part(moved.price, ' ', 2) end as currency,
    case
        when moved.valid_to is null then products.is_in_stock
        else coalesce(moved.in_stock, 'yes') = 'yes'
    end as is_in_stock,
    case
        when moved.valid_to is null then products.is_live
        else coalesce(moved.status, 'live') = 'live'
    end as is_live
from products
left join moved on products.product_id = moved.product_id
