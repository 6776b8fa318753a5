with source as (

    select * from {{ source('raw', 'exchange_rates') }}

),

renamed as (

    select
        currency,
        rated_on,
        per_usd,
        source as said_by,
        received_at
    from source

)

select * from renamed
