-- One row per order to a known seller, with the category of the first of its products that the catalogue knows.
-- A table: three marts read it, each more than once.
{{
    config(
        materialized='table',
        indexes=[{'columns': ['occurred_on', 'seller_id']}, {'columns': ['session_key']}, {'columns': ['known_at']}]
    )
}}

with orders as (

    select * from {{ ref('stg_raw__orders') }}

),

attributed as (

    select * from {{ ref('int_orders_attributed') }}

),

sellers as (

    select * from {{ ref('int_sellers_located') }}

),

categories as (

    select * from {{ ref('int_product_categories') }}

),

lines as (

    select
        orders.order_id,
        categories.category,
        categories.known_at,
        row_number() over (partition by orders.order_id order by order_lines.line_number) as place
    from orders
    inner join {{ ref('stg_raw__order_lines') }} as order_lines on orders.order_id = order_lines.order_id
    inner join categories
        on
            order_lines.product_id = categories.product_id
            and orders.seller_id = categories.seller_id
            and orders.occurred_at >= categories.valid_from
            and orders.occurred_at < categories.valid_to

)

select
    orders.order_id,
    orders.seller_id,
    orders.customer_id,
    coalesce(lines.category, '') as category,
    orders.status <> 'cancelled' and orders.gross_minor > 0 as is_sale,
    attributed.attribution,
    attributed.actor,
    attributed.active_on,
    attributed.session_key,
    attributed.source,
    attributed.device,
    attributed.experiment,
    attributed.variant,
    orders.occurred_at,
    {{ local_day('orders.occurred_at', 'sellers.time_zone') }} as occurred_on,
    greatest(attributed.known_at, lines.known_at) as known_at
from orders
inner join attributed on orders.order_id = attributed.order_id
inner join sellers on orders.seller_id = sellers.seller_id
left join lines
    on
        orders.order_id = lines.order_id
        and lines.place = 1
