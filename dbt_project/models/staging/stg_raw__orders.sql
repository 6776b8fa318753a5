with source as (

    select * from {{ source('raw', 'orders') }}

),

renamed as (

    select
        order_id,
        seller_id,
        customer_id,
        status,
        channel,
        start_code,
        currency,
        gross_minor,
        net_minor,
        items,
        device,
        source as traffic_source,
        origin,
        occurred_at,
        received_at
    from source

)

select * from renamed
