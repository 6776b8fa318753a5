with source as (

    select * from {{ source('catalog', 'product_versions') }}

),

renamed as (

    select
        version_id,
        product_id,
        field,
        value,
        sync_id,
        valid_from,
        known_from
    from source

)

select * from renamed
