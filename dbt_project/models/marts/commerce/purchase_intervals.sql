-- One row per seller, customer and day of purchase after the first. Several sales on one day are one purchase.
{{ config(indexes=[{'columns': ['seller_id', 'customer_id', 'purchased_on'], 'unique': true}]) }}

with purchases as (

    select
        seller_id,
        customer_id,
        occurred_on as purchased_on,
        count(*) as orders
    from {{ ref('fct_orders') }}
    where is_sale
    group by seller_id, customer_id, occurred_on

),

followed as (

    select
        *,
        row_number() over (partition by seller_id, customer_id order by purchased_on) as purchase_number,
        lag(purchased_on) over (partition by seller_id, customer_id order by purchased_on) as previous_on
    from purchases

)

select
    seller_id,
    customer_id,
    purchase_number,
    previous_on,
    purchased_on,
    purchased_on - previous_on as interval_days,
    orders
from followed
where previous_on is not null
