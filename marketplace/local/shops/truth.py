"""What a reader must end with, known from what was planted; and how far a given table is from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from rich.table import Table
from rich.text import Text

from marketplace.local.market import SampleProduct
from marketplace.local.shops.fault_kinds import Fault
from marketplace.local.shops.paths import PAGED, page_path
from marketplace.local.shops.shelves import Shelves

# live: read, with these values. kept: cannot be read now and is not proven gone, so it stays as it was read before.
# gone: taken down. refused: must never be taken for a product.
Fate = Literal["live", "kept", "gone", "refused"]
Key = tuple[str, str]
Row = Mapping[str, Any]
COMPARED = ("title", "price_minor", "currency", "in_stock", "has_image")
MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Planted:
    """What must become of one product.

    Parameters
    ----------
    has_picture
        None where the reader may keep the picture it had before or have none.
    reason
        The fault, or the change, that decides its fate; empty where nothing is wrong with it.
    aliases
        Other refs under which the same product may be kept: a page that moved.
    """

    seller: str
    source_ref: str
    fate: Fate
    title: str
    price_minor: int | None
    currency: str | None
    in_stock: bool
    has_picture: bool | None
    reason: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def is_live(self) -> bool:
        """Whether it must be found among the live products."""
        return self.fate in {"live", "kept"}

    @property
    def keys(self) -> tuple[Key, ...]:
        """The seller and each ref that it may have."""
        return tuple((self.seller, ref) for ref in (self.source_ref, *self.aliases))

    def wrong_in(self, row: Row) -> list[str]:
        """What the row says otherwise, in words."""
        expected = {
            "title": self.title,
            "price_minor": self.price_minor,
            "currency": self.currency,
            "in_stock": self.in_stock,
            "has_image": row["has_image"] if self.has_picture is None else self.has_picture,
        }
        return [f"{name} {row[name]!r}, not {expected[name]!r}" for name in COMPARED if row[name] != expected[name]]


@dataclass(frozen=True, slots=True)
class TruthReport:
    """Where a table differs from the truth; each entry names the seller, the ref and what is wrong.

    `not_removed` are products that are gone and still live.
    """

    expected: int
    found: int
    lost: tuple[str, ...] = ()
    duplicated: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    wrongly_deleted: tuple[str, ...] = ()
    not_removed: tuple[str, ...] = ()
    wrong_fields: tuple[str, ...] = ()

    @property
    def differences(self) -> dict[str, tuple[str, ...]]:
        """The entries of each kind, in words."""
        return {
            "lost": self.lost,
            "duplicated": self.duplicated,
            "invented": self.invented,
            "wrongly deleted": self.wrongly_deleted,
            "not removed": self.not_removed,
            "wrong fields": self.wrong_fields,
        }

    @property
    def is_exact(self) -> bool:
        """Whether the table is exactly the truth."""
        return not any(self.differences.values())

    def __rich__(self) -> Table:
        """A table of the differences, for a terminal."""
        verdict = "exactly the planted truth" if self.is_exact else "not the planted truth"
        title = f"{self.found:,} live products, {self.expected:,} planted: {verdict}"
        table = Table(title=title, title_justify="left")
        table.add_column("difference")
        table.add_column("products", justify="right")
        table.add_column("which")
        for name, entries in self.differences.items():
            more = [f"and {len(entries) - MOST_SHOWN:,} more"] if len(entries) > MOST_SHOWN else []
            table.add_row(name, f"{len(entries):,}", Text("\n".join([*entries[:MOST_SHOWN], *more])))
        return table


@dataclass(frozen=True, slots=True)
class PlantedTruth:
    """What must become of every product of a market.

    It knows no brake: so many products taken down at once that a reader rightly keeps them are gone here.
    """

    products: tuple[Planted, ...]
    _by_key: Mapping[Key, Planted] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_key = {key: one for one in self.products for key in one.keys}
        object.__setattr__(self, "_by_key", by_key)

    @classmethod
    def of(cls, shelves: Shelves, before: Self | None = None) -> Self:
        """The truth of what the shops show now.

        Parameters
        ----------
        before
            The truth that the reader had ended with before this; None where it reads for the first time. What
            cannot be read now and was live then must be kept as it was.
        """
        known = {key: one for one in (before.products if before else ()) if one.is_live for key in one.keys}
        faults = shelves.faults.planted
        extras = shelves.faults.extras(shelves.market)
        return cls(tuple(_planted(shelves, one, faults, known) for one in (*shelves.market.products, *extras)))

    def of_seller(self, handle: str) -> list[Planted]:
        """The products of one seller."""
        return [one for one in self.products if one.seller == handle]

    def with_fate(self, *fates: Fate) -> list[Planted]:
        """The products that must end so."""
        return [one for one in self.products if one.fate in fates]

    def compare(self, rows: Iterable[Row]) -> TruthReport:
        """How far a table is from the truth.

        Parameters
        ----------
        rows
            With `seller` (its handle), `source_ref`, `title`, `price_minor`, `currency`, `in_stock`, `is_gone` and
            `has_image`.
        """
        rows = list(rows)
        by_product: dict[Key, list[Row]] = defaultdict(list)
        strangers = []
        for row in rows:
            planted = self._by_key.get((row["seller"], row["source_ref"]))
            if planted is not None:
                by_product[planted.seller, planted.source_ref].append(row)
            elif not row["is_gone"]:
                strangers.append(f"{_named(row)}: nothing was planted there")
        collected: dict[str, list[str]] = defaultdict(list)
        for one in self.products:
            for kind, text in _judged(one, by_product[one.seller, one.source_ref]):
                collected[kind].append(text)
        collected["invented"] += strangers
        return TruthReport(
            expected=sum(one.is_live for one in self.products),
            found=sum(not row["is_gone"] for row in rows),
            **{kind: tuple(texts) for kind, texts in collected.items()},
        )


def _judged(planted: Planted, rows: Sequence[Row]) -> list[tuple[str, str]]:
    live = [row for row in rows if not row["is_gone"]]
    name = f"{planted.seller} {planted.source_ref} {planted.title!r}"
    why = f" ({planted.reason})" if planted.reason else ""
    if not planted.is_live:
        kind = "not_removed" if planted.fate == "gone" else "invented"
        return [(kind, f"{name}{why}")] if live else []
    if not live:
        return [("wrongly_deleted" if rows else "lost", f"{name}{why}")]
    doubles = [("duplicated", f"{name}: {len(live)} live rows")] if len(live) > 1 else []
    wrong = [("wrong_fields", f"{name}: {'; '.join(said)}{why}") for row in live if (said := planted.wrong_in(row))]
    return doubles + wrong


def _named(row: Row) -> str:
    return f"{row['seller']} {row['source_ref']} {row['title']!r}"


def _planted(shelves: Shelves, drawn: SampleProduct, faults: Sequence[Fault], known: Mapping[Key, Planted]) -> Planted:
    key = (drawn.seller_handle, drawn.ref)
    before = known.get(key)
    now = shelves.product(drawn.ref)
    wall = _wall(shelves, drawn.seller_handle, faults) or (_own_wall(shelves, drawn, faults) if now else "")
    if wall:
        return _as_before(before, drawn, wall) if before else _described(shelves, drawn, drawn, "refused", wall)
    if now is None:
        return _described(shelves, drawn, drawn, "gone", "taken down")
    spoilt = next((one.name for one in _on(faults, drawn) if one.outcome == "pictureless"), "")
    return _described(shelves, drawn, now, "live", spoilt, had_picture=bool(before and before.has_picture is not False))


def _wall(shelves: Shelves, handle: str, faults: Sequence[Fault]) -> str:
    """What keeps the seller's catalogue from being read, if anything does."""
    if handle in shelves.changes.emptied:
        return "empty catalogue"
    unread = (one for one in faults if one.seller == handle and one.outcome == "unread")
    return next((one.name for one in unread if not one.source_ref), "")


def _own_wall(shelves: Shelves, drawn: SampleProduct, faults: Sequence[Fault]) -> str:
    """What keeps the product's page from being read, where it is read from one."""
    if shelves.market.form(drawn.seller_handle) not in PAGED:
        return ""
    return next((one.name for one in _on(faults, drawn) if one.outcome == "unread"), "")


def _on(faults: Sequence[Fault], drawn: SampleProduct) -> list[Fault]:
    return [one for one in faults if (one.seller, one.source_ref) == (drawn.seller_handle, drawn.ref)]


def _as_before(before: Planted, drawn: SampleProduct, reason: str) -> Planted:
    return Planted(
        seller=before.seller,
        source_ref=drawn.ref,
        fate="kept",
        title=before.title,
        price_minor=before.price_minor,
        currency=before.currency,
        in_stock=before.in_stock,
        has_picture=before.has_picture,
        reason=reason,
        aliases=before.aliases,
    )


def _described(
    shelves: Shelves, drawn: SampleProduct, now: SampleProduct, fate: Fate, reason: str, *, had_picture: bool = False
) -> Planted:
    pictured: bool | None = now.has_picture
    if reason and fate == "live":
        pictured = None if had_picture else False
    return Planted(
        seller=drawn.seller_handle,
        source_ref=drawn.ref,
        fate=fate,
        title=now.title,
        price_minor=now.price.amount_minor if now.price else None,
        currency=now.price.currency if now.price else None,
        in_stock=now.in_stock,
        has_picture=pictured,
        reason=reason,
        aliases=_aliases(shelves, drawn),
    )


def _aliases(shelves: Shelves, drawn: SampleProduct) -> tuple[str, ...]:
    """The path of a web shop's page that has moved: the same product, whether kept under the old path or the new."""
    moved = page_path(shelves.market, drawn, moved=True)
    return (moved,) if moved == f"{drawn.ref}-moved" and shelves.has_moved(drawn.ref) else ()
