"""What the shops show now: the market, what was changed since it was drawn, and the faults that are on."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from marketplace.catalog.products import Price, Seller
from marketplace.local.market import CATEGORIES, COLOURS, SampleMarket, SampleProduct
from marketplace.local.shops.answers import DRAWN
from marketplace.local.shops.faults import Fault, Faults
from marketplace.local.shops.markup import picture_path


@dataclass
class Changes:
    """What differs from the market as it was drawn, by ref or by seller; and when each was last changed."""

    prices: dict[str, int] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)
    colours: dict[str, str] = field(default_factory=dict)
    sold_out: dict[str, bool] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    emptied: list[str] = field(default_factory=list)
    changed_at: dict[str, int] = field(default_factory=dict)


def _known(names: Mapping[str, Any]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in names:
            raise ValueError(f"{value!r} is none of {', '.join(names)}")
        return str(value)

    return read


# What an administrator calls a change, where it is kept, and how its value is read.
VALUES: Mapping[str, tuple[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "price": ("prices", int),
        "title": ("titles", str),
        "description": ("descriptions", str),
        "category": ("categories", _known(CATEGORIES)),
        "picture": ("colours", _known(COLOURS)),
        "in_stock": ("sold_out", lambda value: not value),
        "name": ("names", str),
    }
)
MEMBERS: Mapping[str, str] = MappingProxyType({"gone": "removed", "moved": "moved", "empty": "emptied"})
OF_A_SELLER = frozenset({"name", "empty"})
OF_A_PRODUCT = frozenset({*VALUES, *MEMBERS}) - OF_A_SELLER


class Shelves:
    """The market as its shops show it.

    Parameters
    ----------
    state
        A file that keeps the changes and faults, so that they outlive the server.
    """

    def __init__(self, market: SampleMarket, state: Path | None = None) -> None:
        self.market = market
        self.state = state
        self.version = 0
        self.requests: Counter[str] = Counter()
        self.faults = Faults()
        self.changes = Changes()
        self._strikes: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        if state is not None and state.exists():
            kept = json.loads(state.read_text())
            self.faults = Faults.read(kept.pop("faults", []))
            self.changes = Changes(**kept)
        self._index()

    def _index(self) -> None:
        extras = self.faults.extras(self.market)
        self._offered = {seller.handle: self.market.of(seller.handle) for seller in self.market.sellers}
        for extra in extras:
            self._offered[extra.seller_handle].append(extra)
        self._by_ref = {product.ref: product for products in self._offered.values() for product in products}
        self._by_picture = {picture_path(product): product.ref for product in self._by_ref.values()}
        self._sellers = {seller.handle: seller for seller in self.market.sellers}
        self._by_phone = {str(seller.phone).lstrip("+"): seller.handle for seller in self.market.sellers}

    def seller(self, handle: str, form: str | None = None) -> Seller | None:
        """The seller as named now, None where there is none of that handle and form."""
        seller = self._sellers.get(handle)
        if seller is None or (form is not None and self.market.form(handle) != form):
            return None
        return replace(seller, name=self.changes.names.get(handle, seller.name))

    def seller_by_phone(self, phone: str) -> Seller | None:
        """The seller of a phone number written without its plus."""
        return self.seller(self._by_phone.get(phone, ""))

    def listed(self, handle: str) -> list[SampleProduct]:
        """What the seller's catalogue shows now, in order: nothing while it is emptied."""
        if handle in self.changes.emptied or self.faults.empties(handle):
            return []
        return self.offered(handle)

    def offered(self, handle: str) -> list[SampleProduct]:
        """What the seller has now, in order, whatever its catalogue shows."""
        return [now for product in self._offered[handle] if (now := self.product(product.ref)) is not None]

    def product(self, ref: str) -> SampleProduct | None:
        """The product as it is shown now, None when it was taken down or never was."""
        product, changes = self._by_ref.get(ref), self.changes
        if product is None or ref in changes.removed:
            return None
        price = product.price
        if ref in changes.prices and price is not None:
            price = Price(changes.prices[ref], price.currency)
        return replace(
            product,
            price=price,
            title=changes.titles.get(ref, product.title),
            description=changes.descriptions.get(ref, product.description),
            category=changes.categories.get(ref, product.category),
            colour=changes.colours.get(ref, product.colour),
            copies=None if ref in changes.colours else product.copies,
            in_stock=not changes.sold_out[ref] if ref in changes.sold_out else product.in_stock,
        )

    def drawn(self, ref: str) -> SampleProduct:
        """The product as it was drawn, gone or not."""
        return self._by_ref[ref]

    def pictured(self, path: str) -> SampleProduct | None:
        """The product whose picture lies at a path."""
        return self.product(self._by_picture.get(path, ""))

    def has_moved(self, ref: str) -> bool:
        """Whether the product's page lies elsewhere than it did."""
        return ref in self.changes.moved

    def modified(self, key: str) -> int:
        """When a product, by its ref, or a seller's catalogue, by its handle, was last changed: seconds."""
        return self.changes.changed_at.get(key, DRAWN)

    def change(self, ref: str, wanted: Mapping[str, Any]) -> None:
        """Change what a product shows.

        Parameters
        ----------
        wanted
            `price` in minor units, `title`, `description`, `category`, `picture` (the name of a colour), `in_stock`,
            `gone`, `moved`.

        Raises
        ------
        KeyError
            If there is no such product, or no such change.
        ValueError
            If the value is none of that change.
        """
        if ref not in self._by_ref:
            raise KeyError(f"no product {ref}")
        self._set(ref, wanted, OF_A_PRODUCT, touched=(ref, self._by_ref[ref].seller_handle))

    def change_seller(self, handle: str, wanted: Mapping[str, Any]) -> None:
        """Change a seller: its `name`, or `empty` for a catalogue that shows nothing though its products are there.

        Raises
        ------
        KeyError
            If there is no such seller, or no such change.
        """
        if handle not in self._sellers:
            raise KeyError(f"no seller {handle}")
        self._set(handle, wanted, OF_A_SELLER, touched=(handle,))

    def switch_faults(self, faults: Faults) -> None:
        """Have these faults and no others, each as if it had never struck."""
        with self._lock:
            before = {extra.seller_handle for extra in self.faults.extras(self.market)}
            self.faults = faults
            self._strikes.clear()
            self._index()
            self._touch({*before, *(extra.seller_handle for extra in faults.extras(self.market))})
            self._keep()

    def reset(self) -> None:
        """Show everything as it was drawn; the faults stay."""
        with self._lock:
            changed_at = self.changes.changed_at
            self.changes = Changes(changed_at=changed_at)
            self._touch(set(changed_at))
            self._keep()

    def asked(self, path: str, target: str, host: str) -> tuple[Fault, int] | None:
        """Note a request; the fault that strikes it, and how often it has struck there with this time."""
        with self._lock:
            self.requests[path] += 1
            fault = self.faults.at(path, host)
            if fault is None:
                return None
            self._strikes[fault.name, target] += 1
            asked = self._strikes[fault.name, target]
            return (fault, fault.strikes_by(asked)) if fault.strikes(asked) else None

    def _set(self, key: str, wanted: Mapping[str, Any], allowed: frozenset[str], *, touched: tuple[str, ...]) -> None:
        if unknown := set(wanted) - allowed:
            raise KeyError(f"cannot change {', '.join(sorted(unknown))}")
        values = [(VALUES[name][0], VALUES[name][1](value)) for name, value in wanted.items() if name in VALUES]
        with self._lock:
            for kept, value in values:
                getattr(self.changes, kept)[key] = value
            for name in set(wanted) & set(MEMBERS):
                members = set(getattr(self.changes, MEMBERS[name])) - {key} | ({key} if wanted[name] else set())
                setattr(self.changes, MEMBERS[name], sorted(members))
            self._touch(touched)
            self._keep()

    def _touch(self, keys: set[str] | tuple[str, ...]) -> None:
        for key in keys:  # dates of HTTP know no fractions, so two changes in one second get two dates
            self.changes.changed_at[key] = max(int(time.time()), self.modified(key) + 1)
        self.version += 1

    def _keep(self) -> None:
        if self.state is not None:
            draft = self.state.with_suffix(".draft")
            draft.write_text(json.dumps({**asdict(self.changes), "faults": self.faults.written()}))
            draft.replace(self.state)
