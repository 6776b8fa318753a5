{#- The day on which a UTC instant falls in a zone: a column of zones, or where none is given the market's own. -#}
{% macro local_day(instant, time_zone=none) -%}
    ({{ instant }} at time zone {{ time_zone if time_zone is not none else "'" ~ var("local_timezone") ~ "'" }})::date
{%- endmacro %}
