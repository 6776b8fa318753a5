-- One row per seller and pair of products that are bought together often enough, the lesser key first.
{{ config(indexes=[{'columns': ['seller_id', 'product_a', 'product_b'], 'unique': true}]) }}

with baskets as (

    select * from {{ ref('int_basket_products') }}

),

pairs as (

    select
        one.product_number as number_a,
        other.product_number as number_b,
        count(*) as baskets_both
    from baskets as one
    inner join baskets as other
        on
            one.order_id = other.order_id
            and one.product_number < other.product_number
    group by one.product_number, other.product_number
    having count(*) >= {{ var('affinity_min_baskets') }}

),

products as (

    select distinct
        product_number,
        seller_id,
        product_key,
        baskets_with,
        baskets
    from baskets

),

-- The spelling that most lines have; of two as common, the first by the alphabet.
spelt as (

    select
        seller_id,
        product_key,
        product_name,
        row_number() over (
            partition by seller_id, product_key order by count(*) desc, product_name collate "C"
        ) as place
    from {{ ref('fct_order_lines') }}
    group by seller_id, product_key, product_name

)

select
    a.seller_id,
    a.product_key as product_a,
    b.product_key as product_b,
    name_a.product_name as name_a,
    name_b.product_name as name_b,
    a.baskets,
    a.baskets_with as baskets_a,
    b.baskets_with as baskets_b,
    pairs.baskets_both,
    {{ rate('pairs.baskets_both', 'a.baskets') }} as support,
    {{ rate('pairs.baskets_both', 'a.baskets_with') }} as confidence_ab,
    {{ rate('pairs.baskets_both', 'b.baskets_with') }} as confidence_ba,
    pairs.baskets_both::double precision * a.baskets / (a.baskets_with * b.baskets_with) as lift
from pairs
inner join products as a on pairs.number_a = a.product_number
inner join products as b on pairs.number_b = b.product_number
inner join spelt as name_a
    on
        a.seller_id = name_a.seller_id
        and a.product_key = name_a.product_key
        and name_a.place = 1
inner join spelt as name_b
    on
        b.seller_id = name_b.seller_id
        and b.product_key = name_b.product_key
        and name_b.place = 1
where pairs.baskets_both >= {{ var('affinity_min_support') }} * a.baskets
