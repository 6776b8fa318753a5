-- One row per order of a known seller, with its local day and its worth in US dollars where a rate is known.
with orders as (

    select * from {{ ref('stg_raw__orders') }}

),

sellers as (

    select * from {{ ref('int_sellers_located') }}

),

located as (

    select
        orders.*,
        {{ local_day('orders.occurred_at', 'sellers.time_zone') }} as occurred_on
    from orders
    inner join sellers on orders.seller_id = sellers.seller_id

),

currencies as (

    select * from {{ ref('currencies') }}

),

rates as (

    select * from {{ ref('int_rates_carried') }}

)

select
    located.order_id,
    located.seller_id,
    located.customer_id,
    located.status,
    located.channel,
    located.currency,
    located.gross_minor,
    located.net_minor,
    located.items,
    located.origin,
    located.occurred_at,
    located.occurred_on,
    located.received_at,
    rates.received_at as rate_received_at,
    case
        when located.currency = 'USD' then located.gross_minor / 100.0
        else located.gross_minor / (10 ^ currencies.minor_digits) / rates.per_usd
    end::double precision as gross_usd,
    located.status <> 'cancelled' and located.gross_minor > 0 as is_sale,
    located.status = 'refunded' or located.gross_minor < 0 as is_refund
from located
left join currencies on located.currency = currencies.currency
left join rates
    on
        located.currency = rates.currency
        and located.occurred_on = rates.date_on
