"""How well the same product is known at several sellers: `python -m benchmarks.product_matching`.

The pairs in `data/product_pairs.csv` are made up for this purpose, half of them the same product in two spellings, half
of them what a careless comparison takes for one: another size, pack, shade, model, brand, or a name that many things
have. They are judged by titles alone, without pictures and vectors. The thresholds were chosen with these pairs and
62 others of a real catalogue in sight, so the figures say that the rules hold together, not how they do on unseen
titles.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marketplace.catalog.matches import LEAST_SCORE, Likeness, OfferedProduct, Vocabulary, likeness
from marketplace.catalog.titles import read_title

PAIRS = Path(__file__).with_name("data") / "product_pairs.csv"


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """Two titles, and whether a person takes them for one product."""

    is_same: bool
    title: str
    other: str


def labelled_pairs(file: Path = PAIRS) -> list[LabelledPair]:
    """The pairs of a file with the columns `same`, `title` and `other`."""
    with file.open(newline="", encoding="utf-8") as rows:
        return [LabelledPair(row["same"] == "1", row["title"], row["other"]) for row in csv.DictReader(rows)]


def judged(pairs: Sequence[LabelledPair]) -> list[Likeness]:
    """How alike the two of each pair are, words being weighed over all of them."""
    products = [
        OfferedProduct(2 * place + side, side, title)
        for place, pair in enumerate(pairs)
        for side, title in enumerate((pair.title, pair.other))
    ]
    titles = {product.product_id: read_title(product.title) for product in products}
    vocabulary = Vocabulary(titles.values())
    return [likeness(products[2 * place], products[2 * place + 1], titles, vocabulary) for place in range(len(pairs))]


def precision_and_recall(pairs: Sequence[LabelledPair]) -> tuple[float, float]:
    """Of those taken for one product, the share that is; of those that are one, the share taken for it."""
    taken = [found.is_same for found in judged(pairs)]
    right = sum(pair.is_same for pair, said in zip(pairs, taken, strict=True) if said)
    return right / max(1, sum(taken)), right / max(1, sum(pair.is_same for pair in pairs))


def main() -> None:
    """Print precision and recall, and every pair that was judged wrongly."""
    pairs = labelled_pairs()
    precision, recall = precision_and_recall(pairs)
    same = sum(pair.is_same for pair in pairs)
    print(f"{len(pairs)} pairs, {same} of one product; least score {LEAST_SCORE}")
    print(f"precision {precision:.3f}  recall {recall:.3f}")
    for pair, found in zip(pairs, judged(pairs), strict=True):
        if pair.is_same != found.is_same:
            wrong = "missed" if pair.is_same else "wrong"
            print(f"  {wrong:6} {found.score:.2f} {found.against or ''}: {pair.title} | {pair.other}")


if __name__ == "__main__":
    main()
