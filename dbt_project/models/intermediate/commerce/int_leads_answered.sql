-- One row per lead that its seller answered: the first state other than `new`, or the first note, from the lead on.
with leads as (

    select * from {{ ref('fct_leads') }}

),

answers as (

    select * from {{ ref('stg_crm__lead_events') }}
    where state is distinct from 'new'

)

select
    leads.event_id,
    min(answers.occurred_at) as answered_at,
    extract(epoch from min(answers.occurred_at) - min(leads.occurred_at))::double precision as response_seconds,
    max(answers.occurred_at) as known_at
from leads
inner join answers
    on
        leads.event_id = answers.event_id
        and leads.occurred_at <= answers.occurred_at
group by leads.event_id
