-- One row per subject, seller, month of the first day and day 1, 7 or 30. Only who was observed that long is counted.
{{ config(indexes=[{'columns': ['subject', 'seller_id', 'cohort_on', 'day'], 'unique': true}]) }}

with activity as (

    select
        *,
        min(active_on) over (partition by subject, seller_id, subject_id) as first_on,
        max(active_on) over (partition by subject, seller_id) as last_on
    from {{ ref('int_activity_days') }}

),

asked as (

    select * from (values (1), (7), (30)) as days (day)

),

judged as (

    select
        activity.subject,
        activity.seller_id,
        activity.subject_id,
        asked.day,
        date_trunc('month', activity.first_on)::date as cohort_on,
        bool_or(activity.active_on = activity.first_on + asked.day) as came_exactly,
        bool_or(activity.active_on between activity.first_on + 1 and activity.first_on + asked.day) as came_within,
        bool_or(activity.active_on >= activity.first_on + asked.day) as came_since
    from activity
    cross join asked
    where activity.first_on + asked.day <= activity.last_on
    group by activity.subject, activity.seller_id, activity.subject_id, asked.day, activity.first_on

),

counted as (

    select
        subject,
        seller_id,
        cohort_on,
        day,
        count(*) as cohort_size,
        count(*) filter (where came_exactly) as retained_exactly,
        count(*) filter (where came_within) as retained_within,
        count(*) filter (where came_since) as retained_since
    from judged
    group by subject, seller_id, cohort_on, day

)

select
    subject,
    seller_id,
    cohort_on,
    day,
    cohort_size,
    retained_exactly,
    retained_within,
    retained_since,
    {{ rate('retained_exactly', 'cohort_size') }} as retention_exact,
    {{ rate('retained_within', 'cohort_size') }} as retention_within,
    {{ rate('retained_since', 'cohort_size') }} as retention_unbounded
from counted
