with source as (

    select * from {{ source('catalog', 'product_changes') }}

),

renamed as (

    select
        change_id,
        product_id,
        seller_id,
        sync_id,
        kind,
        field,
        old_value,
        new_value,
        observed_at
    from source

)

select * from renamed
