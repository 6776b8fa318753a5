"""Reading prices as African sellers write them: ours beside price-parser, over a labelled corpus.

`python -m benchmarks.price_reading [--corpus FILE] [--jumia FOLDER]`. Ours is judged on everything a label
says: kind, currency, amounts, quantity, unit, old and trade price, or the reason of the refusal. price-parser
knows none of kinds, units and refusals, so both are also judged on what it does claim to read: amount and currency
where the label is a single price, and the amount alone over the whole corpus, no amount where nothing should be read.
Its missing currency counts as the market's. Speed is measured in turns within one run, first readings (nothing
remembered) and repeated readings apart.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import price_parser

from marketplace.catalog.pricing.currencies import currency_code, market_of, minor_digits
from marketplace.catalog.pricing.offers import forget, read_offer
from marketplace.catalog.products import Price
from marketplace.errors import PriceUnreadable

CORPUS = Path(__file__).parent / "data" / "price_corpus.csv"
ROUNDS = 25
PRICE_COLUMNS = ("Price", "Old Price", "Original Price")


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that a label says of a text; the fields of a refusal are empty but for its reason."""

    kind: str = ""
    currency: str = ""
    amount_minor: int | None = None
    up_to_minor: int | None = None
    quantity: Decimal | None = None
    unit: str = ""
    was_minor: int | None = None
    wholesale_minor: int | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text from a seller of a market, and what a person reads in it."""

    text: str
    market: str
    label: Answer


def read_corpus(path: Path = CORPUS) -> list[Labelled]:
    """The labelled texts of a file, in its order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Labelled(row["text"], row["market"], _label(row)) for row in csv.DictReader(file)]


def _label(row: dict[str, str]) -> Answer:
    return Answer(
        row["kind"],
        row["currency"],
        _whole(row["amount_minor"]),
        _whole(row["up_to_minor"]),
        Decimal(row["quantity"]) if row["quantity"] else None,
        row["unit"],
        _whole(row["was_minor"]),
        _whole(row["wholesale_minor"]),
        row["refusal"],
    )


def _whole(cell: str) -> int | None:
    return int(cell) if cell else None


def ours(text: str, market: str) -> Answer:
    """What our reader makes of a text, as a label would say it."""
    try:
        offer = read_offer(text, market)
    except PriceUnreadable as error:
        return Answer(refusal=error.reason)
    if offer.price is None:
        return Answer(kind=offer.kind)
    price = offer.price
    return Answer(
        offer.kind,
        price.currency,
        price.amount_minor,
        price.up_to_minor,
        price.quantity,
        price.unit or "",
        _minor(offer.was),
        _minor(offer.wholesale),
    )


def _minor(price: Price | None) -> int | None:
    return price.amount_minor if price else None


def theirs(text: str, market: str) -> Answer:
    """The amount and currency that price-parser finds; the market's currency where it finds none."""
    found = price_parser.Price.fromstring(text)
    if found.amount is None:
        return Answer()
    currency = market_of(market).currency
    if found.currency:
        currency = market_of(market).plain_words.get(found.currency.casefold(), "") or _known(found.currency)
    amount = found.amount.scaleb(minor_digits(currency or None))
    return Answer("single", currency, int(amount) if amount == amount.to_integral_value() else -1)


def _known(word: str) -> str:
    try:
        return currency_code(word)
    except PriceUnreadable:
        return word


def has_amount_and_currency(label: Answer, read: Answer) -> bool:
    """Whether a reading has the amount and the currency of its label."""
    return (label.currency, label.amount_minor) == (read.currency, read.amount_minor)


def has_amount(label: Answer, read: Answer) -> bool:
    """Whether a reading has the amount of its label, and none where the label has none."""
    return label.amount_minor == read.amount_minor


def seconds_per_round(corpus: Sequence[Labelled], rounds: int = ROUNDS) -> dict[str, float]:
    """The processor's seconds in the fastest of some readings of the whole corpus, the three ways in turns.

    What else the machine does can only slow a round down, so the fastest is the nearest to the code's own.
    """
    ways: dict[str, Callable[[], None]] = {
        "price-parser": lambda: _parse_all(corpus),
        "ours, first reading": lambda: (forget(), _read_all(corpus))[1],
        "ours, again": lambda: _read_all(corpus),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time()
            way()
            taken[name].append(time.process_time() - began)
    return {name: min(found) for name, found in taken.items()}


def _parse_all(corpus: Sequence[Labelled]) -> None:
    for one in corpus:
        price_parser.Price.fromstring(one.text)


def _read_all(corpus: Sequence[Labelled]) -> None:
    for one in corpus:
        try:  # noqa: SIM105 - a context for each text would be a fair part of the time measured
            read_offer(one.text, one.market)
        except PriceUnreadable:
            pass


def show_accuracy(corpus: Sequence[Labelled]) -> None:
    """Print the shares that are right, all in all and by kind and market, and every miss of ours."""
    readings = [(one, ours(one.text, one.market), theirs(one.text, one.market)) for one in corpus]
    singles = [reading for reading in readings if reading[0].label.kind == "single"]
    print(f"{len(corpus)} texts, {len(singles)} of them single prices")
    print(f"{'':46}{'ours':>10}{'price-parser':>14}")
    show("everything a label says, all texts", [one.label == read for one, read, _ in readings], None)
    show("amount and currency, single prices", *_both(has_amount_and_currency, singles))
    show("amount or none, all texts", *_both(has_amount, readings))
    for title, key in (("kind", _kind_of), ("market", lambda one: one.market)):
        print(f"\nby {title}: everything, then amount or none")
        for name in sorted({key(one) for one in corpus}):
            group = [reading for reading in readings if key(reading[0]) == name]
            exact = sum(one.label == read for one, read, _ in group) / len(group)
            mine, other = _both(has_amount, group)
            print(f"{name:14}{len(group):5} texts {exact:8.1%}{_share(mine):>10}{_share(other):>14}")
    for one, read, _ in readings:
        if one.label != read:
            print(f"\nmissed {one.text!r} in {one.market}\n  label {one.label}\n  read  {read}")


def _both(
    judge: Callable[[Answer, Answer], bool], readings: Sequence[tuple[Labelled, Answer, Answer]]
) -> tuple[list[bool], list[bool]]:
    mine = [judge(one.label, read) for one, read, _ in readings]
    return mine, [judge(one.label, other) for one, _, other in readings]


def _kind_of(one: Labelled) -> str:
    if one.label.refusal:
        return "phone" if one.label.refusal == "phone_number" else "refused"
    return one.label.kind


def _share(right: Sequence[bool]) -> str:
    return f"{sum(right) / len(right):.1%}"


def show(name: str, mine: Sequence[bool], other: Sequence[bool] | None) -> None:
    """Print one row of shares."""
    print(f"{name:46}{_share(mine):>10}{_share(other) if other else '-':>14}")


def show_speed(corpus: Sequence[Labelled], title: str) -> None:
    """Print texts per second and how many times price-parser's that is."""
    taken = seconds_per_round(corpus)
    print(f"\n{title}: {len(corpus)} texts, {len({one.text for one in corpus})} different")
    for name, seconds in taken.items():
        print(f"{name:24}{len(corpus) / seconds:12,.0f} texts/s{taken['price-parser'] / seconds:8.1f} x price-parser")


def jumia_texts(folder: Path) -> list[str]:
    """Every cell of the price columns of the folder's CSV files, in order."""
    cells = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            cells += [row[column] for row in csv.DictReader(file) for column in PRICE_COLUMNS if column in row]
    return cells


def show_jumia(folder: Path) -> None:
    """Print how many cells are read as what, and the speed over all of them."""
    corpus = [Labelled(text, "KE", Answer()) for text in jumia_texts(folder)]
    counts = Counter(read.refusal or read.kind for read in (ours(one.text, one.market) for one in corpus))
    print(f"\n{folder.name}: " + ", ".join(f"{count} {name}" for name, count in counts.most_common()))
    show_speed(corpus, f"speed on {folder.name}")


def main() -> None:
    """Print accuracy and speed of ours and price-parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="CSV with the columns of price_corpus.csv")
    parser.add_argument("--jumia", type=Path, help="folder of real CSV files with a Price column")
    options = parser.parse_args()
    corpus = read_corpus(options.corpus)
    show_accuracy(corpus)
    show_speed(corpus, "speed on the corpus")
    if options.jumia:
        show_jumia(options.jumia)


if __name__ == "__main__":
    main()
