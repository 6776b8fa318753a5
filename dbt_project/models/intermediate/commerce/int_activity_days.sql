-- One row per buyer or seller and day on which they were active: a buyer who bought, a seller who was asked or sold.
-- Buyers count once with their seller and once in the whole market, whose seller_id is 0.
with sales as (

    select
        seller_id,
        customer_id,
        occurred_on
    from {{ ref('fct_orders') }}
    where is_sale

),

seller_days as (

    select * from {{ ref('fct_seller_daily') }}

)

select distinct
    'buyers' as subject,
    seller_id,
    customer_id as subject_id,
    occurred_on as active_on
from sales

union all

select distinct
    'buyers' as subject,
    0 as seller_id,
    customer_id as subject_id,
    occurred_on as active_on
from sales

union all

select
    'sellers' as subject,
    0 as seller_id,
    seller_id::text as subject_id,
    day_on as active_on
from seller_days
where whatsapp_starts + leads + orders > 0
