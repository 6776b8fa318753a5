{#- How many months lie between the months of two days. -#}
{% macro months_between(first_on, later_on) -%}
    12 * (extract(year from {{ later_on }}) - extract(year from {{ first_on }}))
    + extract(month from {{ later_on }}) - extract(month from {{ first_on }})
{%- endmacro %}
