with source as (

    select * from {{ source('raw', 'exposures') }}

),

renamed as (

    select
        answer_id,
        rank,
        user_id,
        product_id,
        seller_id,
        surface,
        source,
        propensity,
        model_version,
        experiment,
        variant,
        team,
        device,
        seconds as answer_seconds,
        served_at
    from source

)

select * from renamed
