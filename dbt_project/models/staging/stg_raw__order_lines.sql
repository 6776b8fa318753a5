with source as (

    select * from {{ source('raw', 'order_lines') }}

),

renamed as (

    select
        order_id,
        line_number,
        product_id,
        product_name,
        -- A product that the catalogue does not know is known by its name, however it is spaced or capitalised.
        coalesce(
            'product:' || product_id, 'name:' || lower(trim(regexp_replace(product_name, '\s+', ' ', 'g')))
        ) as product_key,
        quantity,
        amount_minor,
        category
    from source

)

select * from renamed
