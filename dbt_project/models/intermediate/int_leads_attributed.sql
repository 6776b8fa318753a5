-- One row per lead to a known seller. The product counts only where it is that seller's own.
with leads as (

    select * from {{ ref('int_leads_deduplicated') }}

),

sellers as (

    select * from {{ ref('stg_catalog__sellers') }}

),

products as (

    select * from {{ ref('int_products_judged') }}

)

select
    leads.event_id,
    leads.seller_id,
    products.product_id,
    leads.user_id,
    leads.channel,
    leads.occurred_at,
    coalesce(products.category, '') as category,
    {{ local_day('leads.occurred_at') }} as occurred_on
from leads
inner join sellers on leads.seller_id = sellers.seller_id
left join products
    on
        leads.product_id = products.product_id
        and leads.seller_id = products.seller_id
