with source as (

    select * from {{ source('catalog', 'sync_runs') }}

),

renamed as (

    select
        sync_id,
        seller_id,
        run_id,
        trigger,
        status,
        is_complete,
        note,

        scouted as scouted_products,
        hydrated as hydrated_products,
        failed as failed_products,
        new as new_products,
        gone as gone_products,
        price_changed as price_changes,
        other_changed as other_changes,
        unchanged as unchanged_products,

        started_at,
        finished_at
    from source

)

select * from renamed
