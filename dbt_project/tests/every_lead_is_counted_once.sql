-- Each lead is in the fact or among the orphans, never in both and never in neither.
with leads as (

    select event_id from {{ ref('int_leads_deduplicated') }}

),

counted as (

    select event_id from {{ ref('fct_leads') }}

    union all

    select event_id from {{ ref('int_leads_orphaned') }}

),

tallied as (

    select
        leads.event_id,
        count(counted.event_id) as times
    from leads
    left join counted on leads.event_id = counted.event_id
    group by leads.event_id

)

select * from tallied
where times <> 1
