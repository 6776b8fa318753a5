"""Whether products can still be bought, asked at the last moment: one short statement, ready as text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from marketplace.storage.warehouse import Warehouse

_STILL_THERE = """
    select product.product_id, product.updated_at
    from catalog.products as product
    join catalog.product_quality as quality on quality.product_id = product.product_id
    join catalog.sellers as seller on seller.seller_id = product.seller_id
    where product.product_id = any(%(ids)s::bigint[])
        and product.in_stock and not product.is_gone and quality.verdict <> 'rejected' and seller.state = 'active'
"""


def still_on_shelf(warehouse: Warehouse, product_ids: Sequence[int]) -> dict[int, datetime]:
    """Those of the products that shoppers may buy, and when what is shown of each last changed."""
    if not product_ids:
        return {}
    with warehouse.reading() as connection:
        rows = connection.exec_driver_sql(_STILL_THERE, {"ids": list(product_ids)})
        return {product_id: updated_at for product_id, updated_at in rows}  # noqa: C416
