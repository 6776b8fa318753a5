{#-
    The Ethiopian date of a day, as year-month-day: twelve months of thirty days and a thirteenth of five, or six every
    fourth year. Exact, by counting days from 29 August of the year 8 by the Julian calendar (day 1724221 of the Julian
    count): Reingold and Dershowitz, Calendrical Calculations, "The Coptic and Ethiopic Calendars".
-#}
{% macro ethiopian_date(day) -%}
    {%- set passed = "((" ~ day ~ " - date '2000-01-01') + 2451545 - 1724221)" -%}
    {%- set year = "((4 * " ~ passed ~ " + 1463) / 1461)" -%}
    {%- set into_year = "(" ~ passed ~ " - 365 * (" ~ year ~ " - 1) - " ~ year ~ " / 4)" -%}
    concat(
        {{ year }}, '-', lpad(({{ into_year }} / 30 + 1)::text, 2, '0'),
        '-', lpad(({{ into_year }} % 30 + 1)::text, 2, '0')
    )
{%- endmacro %}
