-- One row per local day, from the first on which anything happened to the last, without gaps.
with days as (

    select occurred_on as happened_on from {{ ref('int_funnel_steps_unioned') }}

    union all

    select observed_on as happened_on from {{ ref('int_product_changes_attributed') }}

),

bounds as (

    select
        min(happened_on) as first_on,
        max(happened_on) as last_on
    from days

)

select bounds.first_on + days_later as date_on
from bounds
cross join generate_series(0, bounds.last_on - bounds.first_on) as days_later
