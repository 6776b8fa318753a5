with source as (

    select * from {{ source('raw', 'interactions') }}

),

renamed as (

    select
        event_id,
        user_id,
        product_id,
        kind,
        session_id,
        surface,
        device,
        source as traffic_source,
        occurred_at,
        received_at
    from source

)

select * from renamed
