-- One row per order of a known seller. Incremental on when all of a row was known: the order, what led to it, its rate.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key='order_id',
        on_schema_change='fail',
        indexes=[
            {'columns': ['order_id'], 'unique': true},
            {'columns': ['seller_id', 'occurred_on']},
            {'columns': ['customer_id']},
            {'columns': ['known_at']}
        ]
    )
}}
{%- set since = watermark('known_at') if is_incremental() %}

with orders as (

    select * from {{ ref('int_orders_valued') }}

),

attributed as (

    select * from {{ ref('int_orders_attributed') }}

),

lines as (

    select
        order_id,
        count(*) as lines
    from {{ ref('stg_raw__order_lines') }}
    group by order_id

)

select
    orders.order_id,
    orders.seller_id,
    orders.customer_id,
    orders.status,
    orders.channel,
    orders.currency,
    orders.gross_minor,
    orders.net_minor,
    orders.gross_usd,
    orders.items::bigint as items,
    coalesce(lines.lines, 0) as lines,
    orders.is_sale,
    orders.is_refund,
    attributed.start_id,
    coalesce(attributed.attribution, 'unknown') as attribution,
    coalesce(attributed.device, 'unknown') as device,
    coalesce(attributed.source, 'unknown') as source,
    orders.origin,
    orders.occurred_at,
    orders.occurred_on,
    orders.received_at,
    greatest(orders.received_at, orders.rate_received_at, attributed.known_at) as known_at
from orders
left join attributed on orders.order_id = attributed.order_id
left join lines on orders.order_id = lines.order_id
{% if is_incremental() %}
    where greatest(orders.received_at, orders.rate_received_at, attributed.known_at) >= {{ since }}
{% endif %}
