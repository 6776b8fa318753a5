-- One row per seller and local day on which a sync of theirs began.
{{ config(indexes=[{'columns': ['seller_id', 'sync_on'], 'unique': true}, {'columns': ['sync_on']}]) }}

with syncs as (

    select * from {{ ref('stg_catalog__syncs') }}

),

sellers as (

    select * from {{ ref('int_sellers_located') }}

)

select
    syncs.seller_id,
    {{ local_day('syncs.started_at', 'sellers.time_zone') }} as sync_on,
    count(*) as syncs,
    count(*) filter (where syncs.status = 'done') as completed,
    count(*) filter (where syncs.status = 'failed') as failed,
    count(*) filter (where syncs.status = 'braked') as braked,
    sum(syncs.scouted_products)::bigint as products_seen,
    sum(syncs.new_products)::bigint as new,
    sum(syncs.gone_products)::bigint as gone,
    sum(syncs.price_changes)::bigint as price_changes,
    sum(syncs.failed_products)::bigint as failed_products,
    percentile_cont(0.5) within group (
        order by extract(epoch from syncs.finished_at - syncs.started_at)::double precision
    ) as seconds_median,
    (
        array_agg(syncs.note order by syncs.started_at desc, syncs.sync_id desc)
        filter (where syncs.status in ('failed', 'braked', 'partial') and syncs.note is not null)
    )[1] as last_error
from syncs
inner join sellers on syncs.seller_id = sellers.seller_id
group by syncs.seller_id, sync_on
