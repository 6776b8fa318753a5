with source as (

    select * from {{ source('catalog', 'products') }}

),

renamed as (

    select
        product_id,
        seller_id,
        source_ref,
        url,
        title,
        category,
        content_hash,

        price_minor,
        price_up_to_minor,
        currency,

        image_sha256 is not null as has_image,
        in_stock as is_in_stock,
        not is_gone as is_live,

        first_seen_at,
        last_seen_at,
        last_hydrated_at,
        updated_at
    from source

)

select * from renamed
