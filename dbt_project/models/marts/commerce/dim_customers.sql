-- One row per customer who ever ordered, whatever became of the order.
{{ config(indexes=[{'columns': ['customer_id'], 'unique': true}]) }}

with orders as (

    select * from {{ ref('fct_orders') }}

),

sellers as (

    select * from {{ ref('int_sellers_located') }}

),

firsts as (

    select
        orders.customer_id,
        orders.seller_id,
        orders.source,
        orders.device,
        sellers.country,
        row_number() over (partition by orders.customer_id order by orders.occurred_at, orders.order_id) as place
    from orders
    inner join sellers on orders.seller_id = sellers.seller_id

),

counted as (

    select
        customer_id,
        count(distinct seller_id) as sellers,
        count(*) filter (where is_sale) as orders,
        count(*) filter (where status = 'cancelled') as orders_cancelled,
        count(*) filter (where is_refund) as refunds,
        coalesce(sum(items) filter (where is_sale), 0)::bigint as units,
        case
            when bool_and(gross_usd is not null or status = 'cancelled')
                then coalesce(sum(gross_usd) filter (where status <> 'cancelled'), 0)
        end as revenue_usd,
        min(occurred_on) filter (where is_sale) as first_sale_on,
        max(occurred_on) filter (where is_sale) as last_sale_on,
        min(occurred_at) as first_order_at,
        max(occurred_at) as last_order_at
    from orders
    group by customer_id

)

select
    counted.customer_id,
    firsts.seller_id as first_seller_id,
    firsts.country,
    firsts.source as first_source,
    firsts.device as first_device,
    counted.sellers,
    counted.orders,
    counted.orders_cancelled,
    counted.refunds,
    counted.units,
    counted.revenue_usd,
    counted.orders > 1 as is_repeat_buyer,
    counted.first_sale_on,
    counted.last_sale_on,
    counted.first_order_at,
    counted.last_order_at
from counted
inner join firsts on counted.customer_id = firsts.customer_id
where firsts.place = 1
