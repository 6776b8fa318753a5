"""The forms a sample catalogue takes, where a reader of each begins, and what its products are called.

The `source_ref` of a product is what a reader finds in that form:

* whatsapp     the 16 digits of its page, `/p/<id>/<phone>`
* web_shop     the path of its page without host and query, `/shop/<handle>/product/<slug>`
* shopify      the product's id, as text
* woocommerce  the product's id, as text
* feed         the id column, as text and as it is written: leading zeros stay
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from marketplace.catalog.products import stable_id

Kind = Literal["whatsapp", "web_shop", "shopify", "woocommerce", "feed"]
WHATSAPP = "whatsapp"
KIND_OF: Mapping[str, Kind] = MappingProxyType(
    {
        "whatsapp": "whatsapp",
        "sitemap": "web_shop",
        "listing": "web_shop",
        "microdata": "web_shop",
        "shopify": "shopify",
        "woocommerce": "woocommerce",
        "xml": "feed",
        "tsv": "feed",
        "csv": "feed",
        "xlsx": "feed",
        "json": "feed",
    }
)
SOURCE_PATH: Mapping[str, str] = MappingProxyType(
    {
        "whatsapp": "/c/{phone}",
        "sitemap": "/shop/{handle}/sitemap.xml",
        "listing": "/shop/{handle}/",
        "microdata": "/shop/{handle}/",
        "shopify": "/shopify/{handle}/",
        "woocommerce": "/woo/{handle}/",
        "xml": "/feeds/{handle}/google.xml",
        "tsv": "/feeds/{handle}/google.tsv",
        "csv": "/feeds/{handle}/catalog.csv",
        "xlsx": "/feeds/{handle}/catalog.xlsx",
        "json": "/feeds/{handle}/catalog.json",
    }
)
# The sellers of the other forms: handle, name, city, country, currency, units of it per US dollar, and what they sell.
SHOPS = (
    ("lagos-ankara", "Lagos Ankara House", "Lagos", "NG", "NGN", 1550, ("Dresses", "Fabrics", "Headwraps")),
    ("maputo-capulanas", "Maputo Capulanas", "Maputo", "MZ", "MZN", 64, ("Fabrics", "Bags", "Shirts")),
    ("teranga-mode", "Teranga Mode", "Dakar", "SN", "XOF", 600, ("Dresses", "Jewellery", "Baskets")),
    ("cape-clay", "Cape Clay & Co", "Cape Town", "ZA", "ZAR", 18, ("Mugs", "Pots", "Baskets")),
    ("abuja-leather", "Abuja Leather Studio", "Abuja", "NG", "NGN", 1550, ("Bags", "Shoes", "Sandals")),
    ("lusaka-chitenge", "Lusaka Chitenge", "Lusaka", "ZM", "ZMW", 26, ("Fabrics", "Dresses", "Headwraps")),
    ("gaborone-weavers", "Gaborone Weavers", "Gaborone", "BW", "BWP", 13, ("Baskets", "Bags", "Mugs")),
    ("douala-pagne", "Douala Pagne", "Douala", "CM", "XAF", 600, ("Shirts", "Dresses", "Fabrics")),
    ("kampala-shoes", "Kampala Shoe Lane", "Kampala", "UG", "UGX", 3700, ("Shoes", "Sandals", "Bags")),
    ("maasai-beads", "Maasai Beads", "Nairobi", "KE", "KES", 129, ("Jewellery", "Sandals", "Phone covers")),
)
SHOP_FORMS = ("sitemap", "listing", "microdata", "shopify", "woocommerce", "xml", "tsv", "csv", "xlsx", "json")
LONGEST_SLUG = 60


def drawn_ref(form: str, handle: str, number: int, title: str) -> str:
    """The source's own id of the seller's product of that number, as its form has them."""
    key = stable_id("sample", handle, number)
    if KIND_OF[form] == "web_shop":
        return f"/shop/{handle}/product/{slug(title)}-{key % 10_000_000:07d}"
    ids = {
        "shopify": f"{7_000_000_000_000 + key % 1_000_000_000_000}",
        "woocommerce": f"{1_000 + 7 * number}",
        "xml": f"LC-{number:04d}",
        "tsv": f"gw_{number}",
        "csv": f"{number:05d}",
        "xlsx": f"{70_000 + number}",
        "json": f"mb.{key % 1_000_000_000:09d}",
    }
    return ids.get(form, f"{key:016d}"[-16:])


def slug(title: str) -> str:
    """The title as a part of an address: ASCII letters and digits between hyphens, never empty."""
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:LONGEST_SLUG].strip("-") or "item"
