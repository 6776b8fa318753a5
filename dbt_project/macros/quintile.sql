{#-
    A score of 1 to 5 among the rows of a partition: 1 and as many more as whole fifths of them are strictly below.
    Equal values always get the same score, and the least always 1. Descending, the greatest always gets 5.
-#}
{% macro quintile(measure, partition, descending=false) -%}
    {%- set passed = "5 * (rank() over (partition by " ~ partition ~ " order by " ~ measure ~ ") - 1)" -%}
    {%- set fifths = passed ~ " / count(*) over (partition by " ~ partition ~ ")" -%}
    {%- if descending -%} (5 - {{ fifths }})::integer {%- else -%} (1 + {{ fifths }})::integer {%- endif -%}
{%- endmacro %}
