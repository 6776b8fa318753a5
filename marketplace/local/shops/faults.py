"""The faults that are on: which strikes a request, and what they plant in the shops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from marketplace.local.forms import drawn_ref
from marketplace.local.market import SampleMarket, SampleProduct
from marketplace.local.shops.fault_kinds import FAULTS, Fault, fault
from marketplace.local.shops.paths import page_path
from marketplace.local.shops.planting import plant

__all__ = ["FAULTS", "Fault", "Faults", "fault"]
FIRST_EXTRA = 900  # beyond any product's number, so that the ref of an extra is no product's


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults that are on together, the first of each address counting."""

    planted: tuple[Fault, ...] = ()
    _by_path: Mapping[str, tuple[Fault, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_path: dict[str, tuple[Fault, ...]] = {}
        for one in self.planted:
            if one.kind.act is not None:
                by_path[one.path] = (*by_path.get(one.path, ()), one)
        object.__setattr__(self, "_by_path", by_path)

    @classmethod
    def everything(
        cls, market: SampleMarket, seed: int = 7, *, hosts: int = 1, names: Iterable[str] | None = None
    ) -> Self:
        """Every fault there is, or those named, spread over the market: the same for the same arguments.

        What must come of them is known beforehand (`truth`). Faults of a robots.txt strike whole hosts, so
        they are planted only where there is a host for every seller.

        Raises
        ------
        KeyError
            If there is no fault of such a name.
        """
        wanted = set(FAULTS) if names is None else set(names)
        if unknown := wanted - set(FAULTS):
            raise KeyError(f"no fault {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
        return cls(tuple(_with_path(market, one) for one in plant(market, seed, hosts) if one.name in wanted))

    @classmethod
    def read(cls, written: Iterable[Mapping[str, Any]]) -> Self:
        """The faults as `written` put them."""
        return cls(tuple(Fault(**one) for one in written))

    def written(self) -> list[dict[str, Any]]:
        """The faults as plain data."""
        return [asdict(one) for one in self.planted]

    @property
    def names(self) -> list[str]:
        """The names of the faults that are on, in order, each once."""
        return list(dict.fromkeys(one.name for one in self.planted))

    def at(self, path: str, host: str) -> Fault | None:
        """The fault that lies at a path of a host."""
        return next((one for one in self._by_path.get(path, ()) if one.host in {"", host}), None)

    def has(self, name: str, handle: str) -> bool:
        """Whether a seller's shop is built with that fault."""
        return any(one.name == name and one.seller == handle for one in self.planted)

    def empties(self, handle: str) -> bool:
        """Whether the seller's catalogue shows nothing."""
        return self.has("empty_catalogue", handle)

    def of(self, handle: str) -> list[Fault]:
        """The faults of one seller."""
        return [one for one in self.planted if one.seller == handle]

    def named(self, name: str) -> list[Fault]:
        """The faults of one name."""
        return [one for one in self.planted if one.name == name]

    def extras(self, market: SampleMarket) -> list[SampleProduct]:
        """The products that are planted for faults on the market's sellers, each named for its own."""
        handles = {seller.handle for seller in market.sellers}
        return [extra_product(market, one) for one in self.planted if one.is_extra and one.seller in handles]


def extra_product(market: SampleMarket, one: Fault) -> SampleProduct:
    """The product that a fault is planted on."""
    like = market.of(one.seller)[0]
    title = f"Planted {one.name.replace('_', ' ')}"
    number = FIRST_EXTRA + list(FAULTS).index(one.name)
    ref = one.source_ref or drawn_ref(market.form(one.seller), one.seller, number, title)
    return replace(like, ref=ref, title=title, is_junk=False, copies=None, in_stock=True, has_picture=True)


def _with_path(market: SampleMarket, one: Fault) -> Fault:
    if not one.is_extra or one.path:
        return one
    extra = extra_product(market, one)
    return replace(one, path=page_path(market, extra), source_ref=extra.ref)
