-- One row per local day, without gaps, so that a quiet day shows as zero and not as nothing.
select
    date_on,
    date_trunc('week', date_on)::date as week_starts_on,
    date_trunc('month', date_on)::date as month_starts_on,
    extract(isodow from date_on)::integer as iso_weekday,
    extract(isodow from date_on) >= 6 as is_weekend
from {{ ref('int_dates_spanned') }}
