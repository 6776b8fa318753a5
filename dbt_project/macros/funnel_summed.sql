{#- The steps of the funnel, summed over what it is rolled up from. -#}
{% macro funnel_summed() -%}
    {%- for step in [
        "impressions", "views", "clicks", "whatsapp_starts", "wishlists", "purchases",
        "orders", "orders_matched", "orders_probable", "orders_unknown",
    ] -%}
    sum({{ step }})::bigint as {{ step }}{{ ",\n    " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
