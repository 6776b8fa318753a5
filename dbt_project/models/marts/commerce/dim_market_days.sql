-- One row per country and day of the calendar's years.
-- It follows from seeds and variables alone: an incremental build leaves it as it is, a full one reads them again.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key=['country', 'date_on'],
        on_schema_change='fail',
        indexes=[{'columns': ['country', 'date_on'], 'unique': true}]
    )
}}

with days as (

    select
        customs.country,
        customs.rest_days,
        customs.pay_day_by,
        customs.mid_month_by,
        customs.market_days,
        date '{{ var("calendar_from") }}' + days_later as date_on
    from {{ ref('market_customs') }} as customs
    cross join
        generate_series(0, date '{{ var("calendar_to") }}' - date '{{ var("calendar_from") }}') as days_later
    {% if is_incremental() %}
        where not exists (select 1 from {{ this }})
    {% endif %}

),

known as (

    select
        days.*,
        extract(isodow from days.date_on)::integer as iso_weekday,
        extract(day from days.date_on)::integer as month_day,
        holidays.date_on is not null as is_public_holiday,
        holidays.name as holiday_name,
        ramadan.hijri_year is not null as is_ramadan
    from days
    left join {{ ref('public_holidays') }} as holidays
        on
            days.country = holidays.country
            and days.date_on = holidays.date_on
    left join {{ ref('ramadan') }} as ramadan on days.date_on between ramadan.starts_on and ramadan.ends_on

),

-- Wages are paid on the last working day on or before the one that is customary.
payable as (

    select
        *,
        row_number() over (
            partition by country, date_trunc('month', date_on) order by month_day <= pay_day_by desc, date_on desc
        ) = 1 as is_month_pay_day,
        row_number() over (
            partition by country, date_trunc('month', date_on) order by month_day <= mid_month_by desc, date_on desc
        ) = 1 and mid_month_by is not null as is_mid_month_pay_day
    from known
    where strpos(rest_days, iso_weekday::text) = 0 and not is_public_holiday

),

paid as (

    select
        country,
        date_on
    from payable
    where is_month_pay_day or is_mid_month_pay_day

),

between_pays as (

    select
        known.*,
        paid.date_on is not null as is_pay_day,
        max(paid.date_on) over (partition by known.country order by known.date_on) as last_pay_on,
        min(paid.date_on) over (partition by known.country order by known.date_on desc) as next_pay_on
    from known
    left join paid
        on
            known.country = paid.country
            and known.date_on = paid.date_on

)

select
    country,
    date_on,
    date_trunc('week', date_on)::date as week_starts_on,
    date_trunc('month', date_on)::date as month_starts_on,
    iso_weekday,
    is_pay_day,
    case
        when last_pay_on is null or next_pay_on - date_on < date_on - last_pay_on then date_on - next_pay_on
        else date_on - last_pay_on
    end as pay_day_distance,
    strpos(market_days, iso_weekday::text) > 0 as is_market_day,
    strpos(rest_days, iso_weekday::text) > 0 as is_rest_day,
    is_public_holiday,
    holiday_name,
    is_ramadan,
    {{ ethiopian_date('date_on') }} as ethiopian_date
from between_pays
