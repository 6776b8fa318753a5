-- One row per seller, with the zone of its market's business day; a country without a market has that of the variable.
select
    sellers.seller_id,
    sellers.name,
    sellers.country,
    sellers.currency,
    coalesce(markets.time_zone, '{{ var("local_timezone") }}') as time_zone
from {{ ref('stg_catalog__sellers') }} as sellers
left join {{ ref('markets') }} as markets on sellers.country = markets.country
