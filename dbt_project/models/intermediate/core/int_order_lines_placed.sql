-- One row per line of an order that names a product of its seller's catalogue. A cancelled order sold nothing; a refund
-- gives back money and no unit; a line without an amount of its own has that of the order, where it is the only one.
with orders as (

    select * from {{ ref('stg_raw__orders') }}

),

lines as (

    select
        *,
        count(*) over (partition by order_id) as lines_of_order
    from {{ ref('stg_raw__order_lines') }}

),

categories as (

    select * from {{ ref('int_product_categories') }}

),

sellers as (

    select * from {{ ref('int_sellers_located') }}

)

select
    case when orders.status <> 'cancelled' and orders.gross_minor > 0 then orders.order_id end as order_id,
    orders.order_id || '/' || lines.line_number as line_key,
    categories.product_id,
    categories.seller_id,
    categories.category,
    case when orders.status <> 'cancelled' and orders.gross_minor > 0 then lines.quantity else 0 end as units,
    case
        when orders.status = 'cancelled' then 0
        when lines.amount_minor is not null then lines.amount_minor
        when lines.lines_of_order = 1 then orders.gross_minor
        else 0
    end as revenue_minor,
    {{ local_day('orders.occurred_at', 'sellers.time_zone') }} as occurred_on,
    greatest(orders.received_at, categories.known_at) as known_at
from orders
inner join lines on orders.order_id = lines.order_id
inner join sellers on orders.seller_id = sellers.seller_id
inner join categories
    on
        lines.product_id = categories.product_id
        and orders.seller_id = categories.seller_id
        and orders.occurred_at >= categories.valid_from
        and orders.occurred_at < categories.valid_to
