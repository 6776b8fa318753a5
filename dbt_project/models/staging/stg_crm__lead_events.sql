with source as (

    select * from {{ source('crm', 'lead_events') }}

),

-- Notes are the seller's own words and stay where they are.
renamed as (

    select
        lead_event_id,
        event_id,
        kind,
        state,
        occurred_at
    from source

)

select * from renamed
