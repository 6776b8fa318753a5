with source as (

    select * from {{ source('raw', 'leads') }}

),

renamed as (

    select
        event_id,
        seller_id,
        product_id,
        user_id,
        channel,
        start_code,
        device,
        source as traffic_source,
        occurred_at,
        received_at
    from source

)

select * from renamed
