-- One row per local day, from the first on which anything happened to the last, without gaps.
with bounds as (

    -- Each read from one end of an index.
    select
        least(
            (select min(occurred_on) from {{ ref('int_activities_sessioned') }}),
            (select min(occurred_on) from {{ ref('int_orders_placed') }}),
            (select min(observed_on) from {{ ref('int_product_changes_attributed') }})
        ) as first_on,
        greatest(
            (select max(occurred_on) from {{ ref('int_activities_sessioned') }}),
            (select max(occurred_on) from {{ ref('int_orders_placed') }}),
            (select max(observed_on) from {{ ref('int_product_changes_attributed') }})
        ) as last_on

)

select bounds.first_on + days_later as date_on
from bounds
cross join generate_series(0, bounds.last_on - bounds.first_on) as days_later
