-- One row per order of a known seller. Incremental: what came in lately is read again, and what a late rate values now.
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='order_id',
        on_schema_change='append_new_columns',
        indexes=[
            {'columns': ['order_id'], 'unique': true},
            {'columns': ['seller_id', 'occurred_on']},
            {'columns': ['customer_id']},
            {'columns': ['received_at']}
        ]
    )
}}

with orders as (

    select * from {{ ref('int_orders_valued') }}
    {% if is_incremental() %}
        where {{ received_lately('received_at') }} or {{ received_lately('rate_received_at') }}
    {% endif %}

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
    orders.received_at
from orders
left join attributed on orders.order_id = attributed.order_id
left join lines on orders.order_id = lines.order_id
