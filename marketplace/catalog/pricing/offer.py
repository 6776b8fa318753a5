"""What was read: an offer with its price, and the words it came from."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, NamedTuple

from marketplace.catalog.products import Price

OfferKind = Literal["single", "from", "range", "on_request"]
ONE = Decimal(1)


class Offer(NamedTuple):
    """What a seller asks: the price now, the one before, the one for traders, and the words they were read from.

    `price` is None only on request. `currency_named` is False where the market's own currency was taken.
    """

    kind: OfferKind
    price: Price | None
    read_from: str
    currency_named: bool = False
    was: Price | None = None
    wholesale: Price | None = None
    wholesale_minimum: Decimal | None = None

    @property
    def quantity(self) -> Decimal:
        """How many units the price is for, 1 unless said."""
        return self.price.quantity if self.price else ONE

    @property
    def unit(self) -> str | None:
        """What the price is for, such as "kg"; None where the text does not say."""
        return self.price.unit if self.price else None
