{#- Ends a lateral subquery that is to be looked up by an index, row by row: the planner, who cannot know how few rows
    ask, would rather read and join all. -#}
{% macro fence() -%}
    offset 0
{%- endmacro %}
