with source as (

    select * from {{ source('raw', 'whatsapp_starts') }}

),

renamed as (

    select
        start_id,
        code as start_code,
        seller_id,
        product_id,
        user_id,
        session_id,
        surface,
        answer_id,
        device,
        source as traffic_source,
        occurred_at,
        received_at
    from source

)

select * from renamed
