{% test intervals_do_not_overlap(model, key, from_column, to_column) %}

with ordered as (

    select
        {{ key }},
        {{ from_column }} as began_at,
        {{ to_column }} as ended_at,
        lead({{ from_column }}) over (partition by {{ key }} order by {{ from_column }}) as next_began_at
    from {{ model }}

)

select * from ordered
where
    began_at >= ended_at
    or (next_began_at is not null and ended_at is distinct from next_began_at)

{% endtest %}
