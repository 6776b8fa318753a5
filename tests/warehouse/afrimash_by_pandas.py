"""What the marts say of a shop's orders, computed again from the workbook by their definitions, with pandas.

Nothing here reads the marts' SQL or our importer: only the file, and what docs/imports.md and docs/customers.md define.
"""

from __future__ import annotations

import csv
from collections import Counter
from itertools import combinations, pairwise
from math import floor
from pathlib import Path

import pandas as pd

from marketplace.catalog.baskets import read_basket

Row = tuple[object, ...]


def read_orders(file: Path) -> pd.DataFrame:
    """Every row of the workbook, with the amount that counts: of a refund its net, of everything else its revenue."""
    rows = pd.read_excel(file).drop_duplicates()
    is_refund = (rows["Items sold"] == 0) & (rows["Net_Sales"] < 0) & (rows["Revenue"] > 0)
    rows["amount"] = (rows["Net_Sales"].where(is_refund, rows["Revenue"]) * 100).round().astype("int64")
    rows["is_sale"] = rows["amount"] > 0
    rows["is_refund_row"] = is_refund
    rows["day"] = rows["Date"].dt.normalize()  # the workbook writes the shop's own clock
    return rows


def fifths(values: pd.Series, *, best_is_least: bool = False) -> pd.Series:
    """Scores of 1 to 5: how many whole fifths of all are strictly below, or strictly better where less is better."""
    passed = values.map(lambda value: (values < value).sum())
    whole = passed.map(lambda count: floor(5 * count / len(values)))
    return 5 - whole if best_is_least else 1 + whole


def segment_map(seed: Path) -> dict[tuple[int, int, int], str]:
    with seed.open(newline="") as file:
        return {(int(row["r"]), int(row["f"]), int(row["m"])): row["segment"] for row in csv.DictReader(file)}


def rfm(orders: pd.DataFrame, segments: dict[tuple[int, int, int], str]) -> list[Row]:
    """Customer, days since, sales, amount, scores, segment, first and last day; by customer."""
    sales = orders[orders["is_sale"]]
    found = pd.DataFrame(
        {
            "last_on": sales.groupby("Customer_ID")["day"].max(),
            "first_on": sales.groupby("Customer_ID")["day"].min(),
            "sales": sales.groupby("Customer_ID").size(),
        }
    )
    found["amount"] = orders.groupby("Customer_ID")["amount"].sum().reindex(found.index)
    found["days"] = (sales["day"].max() - found["last_on"]).dt.days
    scores = zip(
        fifths(found["days"], best_is_least=True), fifths(found["sales"]), fifths(found["amount"]), strict=True
    )
    return [
        (row.Index, row.days, row.sales, row.amount, *score, segments[score], row.first_on.date(), row.last_on.date())
        for row, score in zip(found.itertuples(), scores, strict=True)
    ]


def cohorts(orders: pd.DataFrame, grain: str) -> list[Row]:
    """Cohort, period, size and how many were there, zeros included; of those who bought."""
    sales = orders[orders["is_sale"]]
    first_of = sales.groupby("Customer_ID")["day"].min()
    letter = {"week": "W-SUN", "month": "M"}[grain]
    bought = sales["day"].dt.to_period(letter)
    began = sales["Customer_ID"].map(first_of).dt.to_period(letter)
    period = bought.map(lambda one: one.ordinal) - began.map(lambda one: one.ordinal)
    table = pd.DataFrame({"cohort": began.map(lambda one: one.start_time.date()), "period": period})
    table["customer"] = sales["Customer_ID"]
    present = table.drop_duplicates().groupby(["cohort", "period"]).size().to_dict()
    span = {cohort: max_period(cohort, sales["day"].max(), grain) for cohort in {start for start, _ in present}}
    return sorted(
        (cohort, number, present[cohort, 0], present.get((cohort, number), 0))
        for cohort, most in span.items()
        for number in range(most + 1)
    )


def max_period(cohort: object, last: pd.Timestamp, grain: str) -> int:
    """How many whole weeks or months lie between the cohort's first day and that of the last sale's."""
    start = pd.Timestamp(cohort)
    if grain == "month":
        return (last.year - start.year) * 12 + last.month - start.month
    return (last - pd.Timedelta(days=last.weekday()) - start).days // 7


def came_back(orders: pd.DataFrame, day: int) -> list[Row]:
    """Month, how many were watched so long, and who came on that day, by it, and from it on."""
    days = orders[orders["is_sale"]].groupby("Customer_ID")["day"].agg(lambda bought: sorted(set(bought)))
    last = orders[orders["is_sale"]]["day"].max()
    counts: dict[object, list[int]] = {}
    for bought in days:
        mark = bought[0] + pd.Timedelta(days=day)
        if mark > last:
            continue
        of_month = counts.setdefault(bought[0].replace(day=1).date(), [0, 0, 0, 0])
        of_month[0] += 1
        of_month[1] += mark in bought
        of_month[2] += any(bought[0] < one <= mark for one in bought)
        of_month[3] += bought[-1] >= mark
    return sorted((month, *found) for month, found in counts.items())


def pairs(orders: pd.DataFrame, *, min_baskets: int, min_support: float) -> list[Row]:
    """Both names, the sales with any, either and both product, and support, confidences and lift."""
    sales = orders[orders["is_sale"] & ~orders["is_refund_row"] & orders["Product(s)"].notna()]
    baskets = [
        {" ".join(line.title.split()).lower() for line in read_basket(text)} for text in sales["Product(s)"].tolist()
    ]
    single = Counter(product for basket in baskets for product in basket)
    both = Counter(pair for basket in baskets for pair in combinations(sorted(basket), 2))
    total, enough = len(baskets), max(min_baskets, min_support * len(baskets))
    return sorted(
        (
            *(f"name:{a}", f"name:{b}", total, single[a], single[b], count),
            *(count / total, count / single[a], count / single[b], count * total / (single[a] * single[b])),
        )
        for (a, b), count in both.items()
        if count >= enough
    )


def intervals(orders: pd.DataFrame) -> list[Row]:
    """Customer, number of the purchase, the day before, the day, and the days between; several a day are one."""
    days = orders[orders["is_sale"]][["Customer_ID", "day"]].drop_duplicates().sort_values(["Customer_ID", "day"])
    return [
        (customer, number, before.date(), after.date(), (after - before).days)
        for customer, bought in days.groupby("Customer_ID")["day"]
        for number, (before, after) in enumerate(pairwise(bought), 2)
    ]
