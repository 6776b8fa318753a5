{% test one_current_row(model, key) %}

select {{ key }}, count(*) filter (where is_current) as current_rows
from {{ model }}
group by {{ key }}
having count(*) filter (where is_current) <> 1

{% endtest %}
