{#- The day of the market's own zone on which a UTC instant falls. -#}
{% macro local_day(instant) -%}
    ({{ instant }} at time zone '{{ var("local_timezone") }}')::date
{%- endmacro %}
