"""Which addresses of a shop are its products', and how each product is told apart by its own."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from marketplace.catalog.products import LONGEST, stable_id
from marketplace.catalog.text import fit_text

_PRODUCT_PATH = re.compile(
    r"/(?:products?|p|pd|dp|prod|items?|produits?|bidhaa|product-page|product-details?)"
    r"/(?!(?:page|category|categories|tag|all|search)(?:/|$))[^/]+"
    r"|-\d{5,}\.html?$",
    re.IGNORECASE,
)
_COLLECTION = re.compile(r"^/collections/[^/]+(?=/products/)")
# A product whose page is a script is told apart by one of these; all else in a query is campaign or choice.
_NAMING = {"id", "product_id", "productid", "pid", "item_id", "itemid", "sku", "route", "product"}
_SCRIPT = re.compile(r"\.(?:php|aspx?|jsp|cgi)$|^/?$", re.IGNORECASE)


def source_ref_of(url: str) -> str:
    """The id of the product at an address: its path, without a collection before it, and only the query that names it.

    A path that is longer than ids may be is brought to a number.
    """
    parts = urlsplit(url)
    path = _COLLECTION.sub("", parts.path).rstrip("/") or "/"
    naming = [pair for pair in parse_qsl(parts.query) if pair[0].lower() in _NAMING] if _SCRIPT.search(path) else []
    ref = fit_text(unquote(path) + (f"?{urlencode(naming)}" if naming else ""))
    return ref if len(ref) <= LONGEST["source_ref"] else str(stable_id("url", ref))


def clean(url: str) -> str | None:
    """The address of a page without fragment, with its path quoted; None where it is none of http."""
    try:
        parts = urlsplit(url.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return None
        _ = parts.port
    except ValueError:
        return None
    return urlunsplit(
        (parts.scheme, parts.netloc, quote(parts.path, safe="/%:@!$&'()*+,;=~-._") or "/", parts.query, "")
    )


def is_same_host(url: str, base: str) -> bool:
    """Whether two addresses are of one host and port, with "www." or without."""
    try:
        return _host(url) == _host(base)
    except ValueError:
        return False


def names_product(url: str) -> bool:
    """Whether the path is one that shops give to products."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return _PRODUCT_PATH.search(parts.path) is not None or "product_id=" in parts.query


def _host(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    return (parts.hostname or "").removeprefix("www."), parts.port
