-- One row per subject, grain, seller, cohort and period since, from 0 to that of the last day known, zeros included.
{{ config(indexes=[{'columns': ['subject', 'grain', 'seller_id', 'cohort_on', 'period'], 'unique': true}]) }}

with activity as (

    select * from {{ ref('int_activity_days') }}

),

begun as (

    select
        *,
        min(active_on) over (partition by subject, seller_id, subject_id) as first_on,
        max(active_on) over (partition by subject, seller_id) as last_on
    from activity

),

periods as (

    select distinct
        subject,
        'week' as grain,
        seller_id,
        subject_id,
        date_trunc('week', first_on)::date as cohort_on,
        (date_trunc('week', active_on)::date - date_trunc('week', first_on)::date) / 7 as period,
        (date_trunc('week', last_on)::date - date_trunc('week', first_on)::date) / 7 as last_period
    from begun

    union all

    select distinct
        subject,
        'month' as grain,
        seller_id,
        subject_id,
        date_trunc('month', first_on)::date as cohort_on,
        ({{ months_between('first_on', 'active_on') }})::integer as period,
        ({{ months_between('first_on', 'last_on') }})::integer as last_period
    from begun

),

-- Everybody is there in period 0.
cohorts as (

    select
        subject,
        grain,
        seller_id,
        cohort_on,
        last_period,
        count(*) as cohort_size
    from periods
    where period = 0
    group by subject, grain, seller_id, cohort_on, last_period

),

retained as (

    select
        subject,
        grain,
        seller_id,
        cohort_on,
        period,
        count(*) as retained
    from periods
    group by subject, grain, seller_id, cohort_on, period

)

select
    cohorts.subject,
    cohorts.grain,
    cohorts.seller_id,
    cohorts.cohort_on,
    spanned.period,
    cohorts.cohort_size,
    coalesce(retained.retained, 0) as retained,
    {{ rate('coalesce(retained.retained, 0)', 'cohorts.cohort_size') }} as retention,
    spanned.period < cohorts.last_period as is_complete
from cohorts
cross join lateral generate_series(0, cohorts.last_period) as spanned (period)
left join retained
    on
        cohorts.subject = retained.subject
        and cohorts.grain = retained.grain
        and cohorts.seller_id = retained.seller_id
        and cohorts.cohort_on = retained.cohort_on
        and spanned.period = retained.period
