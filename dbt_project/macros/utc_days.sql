{#- The UTC days that an interval touches, for a lateral join: tables of activities are looked up day by day. -#}
{% macro utc_days(since, until) -%}
    generate_series(
        ({{ since }} at time zone 'UTC')::date::timestamp,
        ({{ until }} at time zone 'UTC')::date::timestamp,
        interval '1 day'
    )
{%- endmacro %}
