-- One row per seller, unit and bucket in which the seller had a day. An index of 1 is the seller's average day.
{{ config(indexes=[{'columns': ['seller_id', 'unit', 'bucket'], 'unique': true}]) }}

with days as (

    select
        daily.seller_id,
        daily.currency,
        daily.day_on,
        daily.orders,
        daily.revenue_minor,
        calendar.is_public_holiday,
        calendar.is_ramadan,
        calendar.pay_day_distance
    from {{ ref('fct_seller_daily') }} as daily
    inner join {{ ref('int_sellers_located') }} as sellers on daily.seller_id = sellers.seller_id
    left join {{ ref('dim_market_days') }} as calendar
        on
            sellers.country = calendar.country
            and daily.day_on = calendar.date_on

),

placed as (

    select
        days.seller_id,
        days.currency,
        days.orders,
        days.revenue_minor,
        places.unit,
        places.bucket
    from days
    cross join lateral (
        values
        ('weekday', to_char(days.day_on, 'ID')),
        ('month', to_char(days.day_on, 'MM')),
        ('month_day', to_char(days.day_on, 'DD')),
        ('pay_day', case when days.pay_day_distance between 0 and 3 then 'after pay' else 'other' end),
        ('public_holiday', case when days.is_public_holiday then 'holiday' else 'other' end),
        ('ramadan', case when days.is_ramadan then 'ramadan' else 'other' end)
    ) as places (unit, bucket)

),

counted as (

    select
        seller_id,
        currency,
        unit,
        bucket,
        count(*) as days,
        sum(orders)::bigint as orders,
        sum(revenue_minor)::bigint as revenue_minor
    from placed
    group by seller_id, currency, unit, bucket

),

compared as (

    select
        *,
        sum(days) over (partition by seller_id, unit) as all_days,
        sum(orders) over (partition by seller_id, unit) as all_orders,
        sum(revenue_minor) over (partition by seller_id, unit) as all_revenue_minor
    from counted

)

select
    seller_id,
    unit,
    bucket,
    currency,
    days,
    orders,
    revenue_minor,
    (orders * all_days / nullif(days * all_orders, 0))::double precision as index,
    (revenue_minor * all_days / nullif(days * all_revenue_minor, 0))::double precision as revenue_index
from compared
