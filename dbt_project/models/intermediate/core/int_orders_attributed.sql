-- One row per order, with the chat that led to it where it quotes its code.
with orders as (

    select * from {{ ref('stg_raw__orders') }}

),

starts as (

    select * from {{ ref('stg_raw__whatsapp_starts') }}

)

select
    orders.order_id,
    starts.start_id,
    case when starts.start_id is null then 'unknown' else 'matched' end as attribution,
    coalesce(orders.traffic_source, starts.traffic_source, 'unknown') as source,
    coalesce(orders.device, starts.device, 'unknown') as device,
    '' as experiment,
    '' as variant
from orders
left join starts
    on
        orders.start_code = starts.start_code
        and orders.seller_id = starts.seller_id
