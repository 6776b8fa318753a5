with source as (

    select * from {{ source('catalog', 'product_quality') }}

),

renamed as (

    select
        product_id,
        content_hash,
        verdict,
        array_to_string(reasons, ', ') as reasons,
        rules_version,
        judged_at
    from source

)

select * from renamed
