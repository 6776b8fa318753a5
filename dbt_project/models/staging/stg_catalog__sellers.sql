with source as (

    select * from {{ source('catalog', 'sellers') }}

),

renamed as (

    select
        seller_id,
        handle,
        name,
        city,
        country,
        currency,
        source_kind,
        phone is not null as has_phone,
        state,
        state = 'active' as is_active,
        created_at
    from source

)

select * from renamed
