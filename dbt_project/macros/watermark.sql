{#- From where an incremental model reads on: the newest ingestion clock among its rows, less the look-back. A literal,
    so that the planner knows how little there is to read. -#}
{% macro watermark(column) -%}
    {%- set newest = none -%}
    {%- if execute is defined and execute -%}
        {%- set newest = run_query("select max(" ~ column ~ ")::text from " ~ this).columns[0].values()[0] -%}
    {%- endif -%}
    {%- if newest is none -%}
        timestamptz '-infinity'
    {%- else -%}
        timestamptz '{{ newest }}' - interval '{{ var("look_back_hours") }} hours'
    {%- endif -%}
{%- endmacro %}
