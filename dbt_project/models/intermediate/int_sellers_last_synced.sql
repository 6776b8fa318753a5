-- One row per seller whose catalogue was ever read.
with syncs as (

    select * from {{ ref('stg_catalog__syncs') }}

),

ordered as (

    select
        *,
        row_number() over (partition by seller_id order by started_at desc, sync_id desc) as age,
        max(finished_at) filter (where status = 'done') over (partition by seller_id) as last_done_at
    from syncs

)

select
    seller_id,
    sync_id as last_sync_id,
    status as last_sync_status,
    started_at as last_sync_started_at,
    last_done_at as last_synced_at
from ordered
where age = 1
