{#- Whether a row came in since the newest one that this incremental model holds, or within the days that it looks back. -#}
{% macro received_lately(received_at) -%}
    {{ received_at }} >= (
        select coalesce(max(held.received_at), '-infinity') - interval '{{ var("late_order_days") }} days'
        from {{ this }} as held
    )
{%- endmacro %}
