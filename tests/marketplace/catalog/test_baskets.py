"""Orders as web shops write them down."""

from __future__ import annotations

import pytest
from openpyxl import load_workbook

from marketplace.catalog.baskets import BasketLine, read_basket
from marketplace.errors import InputRejected

FUNGICIDE = "FUNGICIDE | 100mL |250mL - 250 mL bottle"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("1× AMO Noilers (Day-Old Chicks)", [("AMO Noilers (Day-Old Chicks)", 1)]),
        ("5× Cage (Indicator), 80× Hook (Hanger | S-Type)", [("Cage (Indicator)", 5), ("Hook (Hanger | S-Type)", 80)]),
        ("2x Feed, 25 kg, 3x Seeds (5g, hybrid)", [("Feed, 25 kg", 2), ("Seeds (5g, hybrid)", 3)]),
        ("1,000× Point-of-Lay Hens - 14 Weeks", [("Point-of-Lay Hens - 14 Weeks", 1000)]),
        (f"1× {FUNGICIDE}, 2× {FUNGICIDE}", [(FUNGICIDE, 3)]),
        ("4× Day  Old\nBroilers", [("Day Old Broilers", 4)]),
        ("2× 701 F1 Tomato Seeds", [("701 F1 Tomato Seeds", 2)]),
        ("", []),
    ],
)
def test_a_line_is_a_count_and_a_title(text, lines):
    assert [(line.title, line.quantity) for line in read_basket(text)] == lines


@pytest.mark.parametrize("text", ["Pullets", "Pullets 8×", "× Pullets"])
def test_a_text_without_a_count_is_refused_and_named(text):
    with pytest.raises(InputRejected, match="do not begin with a count"):
        read_basket(text)


def test_nothing_of_something_is_refused():
    with pytest.raises(InputRejected, match="0 of 'Pullets'"):
        read_basket("0× Pullets")


def test_every_basket_of_a_real_shop_is_read_and_its_quantities_agree(real_input):
    sheet = load_workbook(real_input / "afrimash" / "Transaction_Data.xlsx", read_only=True).active
    rows = list(sheet.iter_rows(values_only=True))
    text, sold = rows[0].index("Product(s)"), rows[0].index("Items sold")
    baskets = [(read_basket(row[text]), row[sold]) for row in rows[1:] if row[text]]
    assert len(baskets) == 16_456 - 2_347
    agree = sum(sum(line.quantity for line in lines) == count for lines, count in baskets)
    assert agree / len(baskets) > 0.92  # the rest had lines that the export left out
    assert baskets[1][0] == (BasketLine("AGRITED Pullets (Hyline Brown Pullets) Day-Old", 8),)
