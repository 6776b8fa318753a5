"""Verdicts and their reasons."""

from __future__ import annotations

import csv
import gzip
import json

import pytest

from marketplace.catalog.products import Price
from marketplace.catalog.quality import REASONS, RULES, Judged, judge


def judged(title="Kitenge dress", price=Price(129_900, "KES"), has_picture=True):  # noqa: B008 - frozen
    return judge(Judged(title, price, 2, has_picture))


def test_a_sound_product_is_approved_without_reasons():
    assert judged() == judge(Judged("ቀሚስ", Price(100, "ETB"), 2, True))
    assert (judged().verdict, judged().reasons) == ("approved", ())


@pytest.mark.parametrize(
    ("changed", "verdict", "reasons"),
    [
        ({"title": " "}, "rejected", ("title_missing",)),
        ({"title": "Product 12"}, "rejected", ("title_placeholder",)),
        ({"title": "test product #3"}, "rejected", ("title_placeholder",)),
        ({"title": "Nairobi Luxury Item 12"}, "rejected", ("title_placeholder",)),
        ({"title": "???"}, "rejected", ("title_placeholder",)),
        ({"price": Price(0, "KES")}, "rejected", ("price_absurd",)),
        ({"price": Price(10**11, "KES")}, "rejected", ("price_absurd",)),
        ({"title": "Dress, call 0712 345 678"}, "flagged", ("title_contact",)),
        ({"title": "BEST DRESS EVER"}, "flagged", ("title_shouts",)),
        ({"title": "dress " * 40}, "flagged", ("title_too_long",)),
        ({"has_picture": False}, "flagged", ("picture_missing",)),
        ({"price": None, "has_picture": False}, "flagged", ("picture_missing", "price_missing")),
    ],
)
def test_each_rule_gives_its_verdict_and_reason(changed, verdict, reasons):
    found = judged(**changed)
    assert (found.verdict, found.reasons) == (verdict, reasons)


def test_every_rule_has_a_sentence_for_people():
    assert RULES.keys() <= REASONS.keys()
    assert all(reason.sentence.endswith(".") and 0 < reason.certainty <= 1 for reason in REASONS.values())


def test_real_titles_are_not_taken_for_placeholders_and_generated_ones_are(real_input):
    shown = json.loads((real_input / "grocery" / "catalog.json").read_text())
    with (real_input / "jumia-ke" / "products_with_links.csv").open(encoding="utf-8") as file:
        titles = [row["Name"] for row in csv.DictReader(file)] + [row["title"] for row in shown]
    generated = json.loads(gzip.decompress((real_input / "soko" / "products.json.gz").read_bytes()))
    assert [title for title in titles if "title_placeholder" in judged(title=title).reasons] == []
    assert {judged(title=row["name"]).verdict for row in generated} == {"rejected"}
