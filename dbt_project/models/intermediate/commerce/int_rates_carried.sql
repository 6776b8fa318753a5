-- One row per currency and day: the last rate on or before the day, unless it is older than the variable allows.
-- Days without such a rate have no row. A dollar is always worth one.
with rates as (

    select * from {{ ref('stg_raw__exchange_rates') }}

),

carried as (

    select
        rates.currency,
        rates.rated_on,
        rates.per_usd,
        rates.received_at,
        rates.rated_on + age as date_on,
        row_number() over (partition by rates.currency, rates.rated_on + age order by rates.rated_on desc) as recency
    from rates
    cross join generate_series(0, {{ var('rate_age_days') }}) as age

)

select
    currency,
    date_on,
    rated_on,
    per_usd,
    received_at
from carried
where recency = 1
