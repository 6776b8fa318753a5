{#- The rows of a relation that belong to what is `touched`, each looked up by an index. Keys are columns of both; where
    the relation has another name for one, `named` tells it. -#}
{% macro looked_up(relation, keys, named={}) -%}
    select found.*
    from touched
    cross join
        lateral (
            select one.* from {{ relation }} as one
            where
                {%- for key in keys %}
                {{ "and " if not loop.first }}one.{{ named.get(key, key) }} = touched.{{ key }}
                {%- endfor %}
            {{ fence() }}
        ) as found
{%- endmacro %}
