"""Products as they are shown, kept until they change; whether they can be bought is asked of Postgres each time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from marketplace.storage.shelf import ShelfProduct, on_shelf
from marketplace.storage.shelf_checks import still_on_shelf
from marketplace.storage.warehouse import Warehouse

KEPT = 50_000


class Goods:
    """What is known of the products that were shown last."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._known: dict[int, tuple[datetime, ShelfProduct]] = {}

    def on_sale(self, product_ids: Sequence[int]) -> dict[int, ShelfProduct]:
        """Those of the products that can be bought at this moment, as they are now.

        Raises
        ------
        StoreUnreachable
            If Postgres does not answer.
        """
        known = self._known
        if all(one in known for one in product_ids):
            there = still_on_shelf(self._warehouse, product_ids)
            if all(known[one][0] == changed for one, changed in there.items()):
                return {one: known[one][1] for one in there}
        read = {product.product_id: product for product in on_shelf(self._warehouse, product_ids)}
        if len(known) + len(read) > KEPT:
            known = self._known = {}
        known.update({one: (product.updated_at, product) for one, product in read.items()})
        return read

    def forget(self) -> None:
        """Sellers may be called otherwise now: every product is read anew."""
        self._known = {}
