{#- `analyze` for a table that the planner knows nothing of yet: what was just built in one go. -#}
{% macro analyze_once(relation) -%}
    {%- if execute -%}
        {%- set known = run_query("select 1 from pg_statistic where starelid = '" ~ relation ~ "'::regclass limit 1") -%}
        {%- if not known.rows %}analyze {{ relation }}{% endif -%}
    {%- endif -%}
{%- endmacro %}
