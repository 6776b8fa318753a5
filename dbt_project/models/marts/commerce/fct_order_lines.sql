-- One row per order of a known seller and line, with the category that its product had then. Incremental as orders are.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['order_id', 'line_number'],
        on_schema_change='fail',
        indexes=[
            {'columns': ['order_id', 'line_number'], 'unique': true},
            {'columns': ['seller_id', 'occurred_on']},
            {'columns': ['known_at']}
        ]
    )
}}
{%- set since = watermark('known_at') if is_incremental() %}

with orders as (

    select * from {{ ref('fct_orders') }}

),

lines as (

    select * from {{ ref('stg_raw__order_lines') }}

),

products as (

    select * from {{ ref('int_product_categories') }}

)

select
    lines.order_id,
    lines.line_number,
    orders.seller_id,
    orders.customer_id,
    lines.product_key,
    products.product_id,
    lines.product_name,
    coalesce(products.category, lines.category, '') as category,
    lines.quantity,
    lines.amount_minor,
    orders.currency,
    orders.occurred_at,
    orders.occurred_on,
    orders.received_at,
    greatest(orders.received_at, products.known_at) as known_at
from lines
inner join orders on lines.order_id = orders.order_id
left join products
    on
        lines.product_id = products.product_id
        and orders.seller_id = products.seller_id
        and orders.occurred_at >= products.valid_from
        and orders.occurred_at < products.valid_to
{% if is_incremental() %}
    where greatest(orders.received_at, products.known_at) >= {{ since }}
{% endif %}
