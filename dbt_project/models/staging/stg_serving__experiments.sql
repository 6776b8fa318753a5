with source as (

    select * from {{ source('serving', 'experiments') }}

),

renamed as (

    select
        name as experiment,
        hypothesis,
        status,
        is_interleaved,
        traffic,
        variants,
        started_at,
        ended_at
    from source

)

select * from renamed
