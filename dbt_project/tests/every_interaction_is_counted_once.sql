-- Each interaction is in the fact or among the orphans, never in both and never in neither.
with interactions as (

    select event_id from {{ ref('int_interactions_deduplicated') }}

),

counted as (

    select event_id from {{ ref('fct_interactions') }}

    union all

    select event_id from {{ ref('int_interactions_orphaned') }}

),

tallied as (

    select
        interactions.event_id,
        count(counted.event_id) as times
    from interactions
    left join counted on interactions.event_id = counted.event_id
    group by interactions.event_id

)

select * from tallied
where times <> 1
