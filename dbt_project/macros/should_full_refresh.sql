{#- dbt's own question, with one more reason to say yes: the table that is there has other columns than the contract,
    as after an upgrade. Rows of before could not be given the new columns. -#}
{% macro should_full_refresh() %}
    {%- set asked = config.get("full_refresh") -%}
    {%- if asked is none -%}
        {%- set asked = flags.FULL_REFRESH -%}
    {%- endif -%}
    {%- if not asked and execute and model.config.materialized == "incremental" and model.columns -%}
        {%- set built = adapter.get_relation(this.database, this.schema, this.table) -%}
        {%- if built is not none -%}
            {%- set found = adapter.get_columns_in_relation(built) | map(attribute="name") | sort | list -%}
            {%- set asked = found != (model.columns.keys() | sort | list) -%}
        {%- endif -%}
    {%- endif -%}
    {%- do return(asked) -%}
{% endmacro %}
