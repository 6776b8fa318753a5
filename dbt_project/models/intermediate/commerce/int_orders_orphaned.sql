-- One row per order of a seller who is not known; no mart counts it.
with orders as (

    select * from {{ ref('stg_raw__orders') }}

),

sellers as (

    select * from {{ ref('stg_catalog__sellers') }}

)

select
    orders.order_id,
    orders.seller_id,
    orders.received_at
from orders
left join sellers on orders.seller_id = sellers.seller_id
where sellers.seller_id is null
