"""Listings that span pages, walked one after the other until they end or a budget does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from marketplace.errors import MarketplaceError
from marketplace.ingestion.sources import ProductRef, Scan

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page of a listing.

    `onward` is the next page's address, None on the last. `promised` is how many products the page says there are
    on all pages; `flaws` say what keeps it from telling all that it should.
    """

    refs: Sequence[ProductRef]
    onward: str | None = None
    promised: int | None = None
    flaws: Sequence[str] = ()


@dataclass(slots=True)
class _Walk:
    found: dict[str, ProductRef] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    promised: list[int] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)

    def add(self, leaf: Leaf) -> int:
        before = len(self.found)
        for ref in leaf.refs:
            if self.found.setdefault(ref.source_ref, ref) is not ref:
                self.repeated.append(ref.source_ref)
        self.flaws.extend(leaf.flaws)
        self.promised.extend([] if leaf.promised is None else [leaf.promised])
        return len(self.found) - before

    def scan(self, *, is_naming_repeats: bool) -> Scan:
        promised = max(self.promised, default=0)
        if promised > len(self.found):
            self.flaws.append(f"{promised} products are promised, {len(self.found)} were seen")
        repeated = named("left out because they repeat an earlier product", self.repeated) if is_naming_repeats else ""
        note = "; ".join(filter(None, [*self.flaws, repeated]))
        return Scan(tuple(self.found.values()), is_complete=not self.flaws, note=note)


async def walk(
    first: str, read: Callable[[str], Awaitable[Leaf]], *, most_pages: int, is_naming_repeats: bool = True
) -> Scan:
    """What a listing shows; complete when its last page was read and nothing on the way contradicts that.

    Parameters
    ----------
    read
        Reads the page at an address. What the first page raises is raised; a later page that fails ends the walk.
    most_pages
        The budget. A page that leads back, or shows nothing new, ends the walk too: neither proves an end.
    """
    walked = _Walk()
    seen: set[str] = set()
    url: str | None = first
    while url is not None:
        if url in seen:
            walked.flaws.append(f"{url} was shown before: the pages lead in a circle")
            break
        if len(seen) >= most_pages:
            walked.flaws.append(f"there are more than {most_pages} pages")
            break
        seen.add(url)
        try:
            leaf = await read(url)
        except MarketplaceError as error:
            if len(seen) == 1:
                raise
            walked.flaws.append(f"page {len(seen)} could not be read: {error}")
            break
        if not walked.add(leaf) and leaf.onward is not None and len(seen) > 1:
            walked.flaws.append(f"{url} shows nothing new and leads on")
            break
        url = leaf.onward
    return walked.scan(is_naming_repeats=is_naming_repeats)


def named(what: str, names: Sequence[str]) -> str:
    """What happened to these, the first of them by name; empty where there are none."""
    if not names:
        return ""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{what}: {', '.join(names[:MOST_NAMED])}{more}"


def refs_of(found: Iterable[ProductRef | None], *, page: int) -> tuple[list[ProductRef], list[str]]:
    """The products of a page of an API, and a flaw for each that has no id: nobody knows which one it is."""
    refs: list[ProductRef] = []
    flaws: list[str] = []
    for place, ref in enumerate(found, 1):
        if ref is None:
            flaws.append(f"product {place} of page {page} has no id")
        else:
            refs.append(ref)
    return refs, flaws
