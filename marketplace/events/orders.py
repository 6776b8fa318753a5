"""What was bought: orders and their lines, whoever tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

OrderStatus = Literal["placed", "confirmed", "completed", "cancelled", "refunded"]
SellerChannel = Literal["whatsapp", "phone", "shop"]  # where a seller says that they sold
OrderChannel = Literal[SellerChannel, "import"]
LARGEST_AMOUNT = 10**15  # minor units; beyond it an amount is a slip, and sums could overflow


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A product of an order and how many; the amount is of the whole line, None where only the order has one."""

    product_name: str
    quantity: int
    amount_minor: int | None = None
    product_id: int | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One order. Refunds are orders with a negative amount; `items` is what the source counts, lines or not."""

    order_id: str
    seller_id: int
    customer_id: str
    status: OrderStatus
    channel: OrderChannel
    currency: str
    gross_minor: int
    net_minor: int | None
    items: int
    origin: str
    occurred_at: datetime
    received_at: datetime
    lines: tuple[OrderLine, ...] = ()
    start_code: str | None = None
    device: str | None = None
    source: str | None = None
