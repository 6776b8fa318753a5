{#- The strategy `replace`: what is there of the new rows' keys goes, then the new rows come. Like `delete+insert`, but
    old rows are looked up by an index of the keys and deleted by their place, where `in (select …)` and `merge` read
    whole tables of millions to find a few thousands. Keys may not be null. -#}
{% macro get_incremental_replace_sql(arg_dict) -%}
    {%- set keys = [arg_dict.unique_key] if arg_dict.unique_key is string else arg_dict.unique_key -%}
    {%- set columns = get_quoted_csv(arg_dict.dest_columns | map(attribute="name")) -%}
    delete from {{ arg_dict.target_relation }}
    where ctid = any(array(
        select built.place
        from (select distinct {{ keys | join(", ") }} from {{ arg_dict.temp_relation }}) as fresh
        cross join
            lateral (
                select old.ctid as place from {{ arg_dict.target_relation }} as old
                where
                    {%- for key in keys %}
                    {{ "and " if not loop.first }}old.{{ key }} = fresh.{{ key }}
                    {%- endfor %}
                {{ fence() }}
            ) as built
    ));

    insert into {{ arg_dict.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arg_dict.temp_relation }}
{%- endmacro %}
