"""The sample market: eight sellers on WhatsApp, their products, and the truth planted in them.

Everything is drawn from a seed, so that what a pipeline should find is known beforehand. `with_kinds`
adds sellers whose catalogues are web shops, Shopify, WooCommerce and feeds (`marketplace/local/shops`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from marketplace.catalog.prices import minor_digits
from marketplace.catalog.products import Price, Seller, stable_id
from marketplace.local.forms import KIND_OF, SHOP_FORMS, SHOPS, SOURCE_PATH, WHATSAPP, Kind, drawn_ref

COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "terracotta": "#c2542d",
        "indigo": "#2f3e8f",
        "mustard": "#d99a1c",
        "forest": "#2f6b4a",
        "rose": "#c94f6d",
        "charcoal": "#3a3f47",
        "sky": "#4b9cc9",
        "cream": "#d8c3a0",
        "plum": "#6d3a6e",
        "teal": "#1e7f7a",
    }
)
# Shape drawn, the words sellers use, and the range of prices in US dollars.
CATEGORIES: Mapping[str, tuple[tuple[str, ...], tuple[float, float]]] = MappingProxyType(
    {
        "Dresses": (("Kitenge dress", "Ankara maxi dress", "Gauni la kitenge", "Wrap dress", "የሐበሻ ቀሚስ"), (9, 45)),
        "Shirts": (("Ankara shirt", "Shati la kitenge", "Linen shirt", "Dashiki top"), (6, 25)),
        "Shoes": (("Leather shoes", "Viatu vya ngozi", "Canvas sneakers", "የቆዳ ጫማ"), (12, 60)),
        "Sandals": (("Maasai beaded sandals", "Akala sandals", "Viatu vya shanga"), (5, 22)),
        "Bags": (("Kiondo handbag", "Leather tote bag", "Mkoba wa ngozi", "Market tote"), (8, 55)),
        "Baskets": (("Sisal basket", "Bolga basket", "Kikapu cha ukindu", "Woven laundry basket"), (6, 38)),
        "Pots": (("Clay cooking pot", "Sufuria with lid", "Jebena coffee pot", "Chungu cha udongo"), (5, 40)),
        "Mugs": (("Stoneware mug", "Enamel mug", "Kikombe cha udongo", "Coffee cup"), (2, 12)),
        "Fabrics": (("Kitenge fabric 6 yards", "Kanga pair", "Ankara wax print", "Kitambaa cha vitenge"), (7, 30)),
        "Jewellery": (("Beaded necklace", "Brass earrings", "Mkufu wa shanga", "Maasai collar"), (3, 28)),
        "Headwraps": (("Ankara headwrap", "Kilemba", "Gele headtie"), (3, 14)),
        "Phone covers": (("Kitenge phone cover", "Beaded phone case", "Kava ya simu"), (2, 10)),
    }
)
PATTERNS = ("plain", "stripes", "diamonds", "dots", "chevrons", "waves")
# Handle, name, city, country, currency, units of it per US dollar, and what they sell.
SELLERS = (
    ("mama-njeri-fabrics", "Mama Njeri Fabrics", "Nairobi", "KE", "KES", 129, ("Fabrics", "Dresses", "Headwraps")),
    ("baraka-leather", "Baraka Leather Works", "Nairobi", "KE", "KES", 129, ("Shoes", "Bags", "Sandals")),
    ("pwani-baskets", "Pwani Baskets", "Mombasa", "KE", "KES", 129, ("Baskets", "Bags", "Jewellery")),
    ("nakasero-home", "Nakasero Home", "Kampala", "UG", "UGX", 3700, ("Pots", "Mugs", "Baskets")),
    ("dar-fashion", "Dar Fashion House", "Dar es Salaam", "TZ", "TZS", 2600, ("Dresses", "Shirts", "Headwraps")),
    ("accra-beads", "Accra Beads & Prints", "Accra", "GH", "GHS", 12, ("Jewellery", "Shirts", "Phone covers")),
    ("merkato-crafts", "Merkato Crafts", "Addis Ababa", "ET", "ETB", 125, ("Pots", "Dresses", "Shoes")),
    ("kigali-mobile", "Kigali Mobile Corner", "Kigali", "RW", "RWF", 1400, ("Phone covers", "Mugs", "Sandals")),
)
DIALLING = {
    "KE": "254700000",
    "UG": "256700000",
    "TZ": "255700000",
    "GH": "233200000",
    "ET": "251900000",
    "RW": "250720000",
    "NG": "234803000",
    "MZ": "258840000",
    "SN": "221770000",
    "ZA": "278200000",
    "ZM": "260970000",
    "BW": "267710000",
    "CM": "237670000",
}
AWKWARD = ', "Mama\'s best" & more, size 5½'  # what every format must escape, and bring back


@dataclass(frozen=True, slots=True)
class SampleProduct:
    """One product of the market, with what its picture shows; `copies` names the product whose photo it took."""

    ref: str
    seller_handle: str
    title: str
    description: str
    category: str
    colour: str
    pattern: str
    price: Price | None
    in_stock: bool = True
    has_picture: bool = True
    copies: str | None = None
    is_junk: bool = False


@dataclass(frozen=True, slots=True)
class SampleMarket:
    """Sellers and products, and the truth that was planted: `truth` says what a pipeline should find.

    `forms` names the form of a seller's catalogue where it is not WhatsApp pages, one of `marketplace.local.forms`.
    """

    seed: int
    sellers: tuple[Seller, ...]
    products: tuple[SampleProduct, ...]
    truth: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    forms: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The kind of source of every seller, by handle."""
        return {seller.handle: KIND_OF[self.form(seller.handle)] for seller in self.sellers}

    def form(self, handle: str) -> str:
        """The form of a seller's catalogue."""
        return self.forms.get(handle, WHATSAPP)

    def source_path(self, handle: str) -> str:
        """Where on the shop server a reader of this seller begins."""
        phone = next(str(seller.phone).lstrip("+") for seller in self.sellers if seller.handle == handle)
        return SOURCE_PATH[self.form(handle)].format(handle=handle, phone=phone)

    def of(self, handle: str) -> list[SampleProduct]:
        """What one seller offers, in catalogue order."""
        return [product for product in self.products if product.seller_handle == handle]

    def product_id(self, product: SampleProduct) -> int:
        """The id under which the product is stored."""
        return stable_id("product", stable_id("seller", product.seller_handle), product.ref)


def draw_market(seed: int = 7, sellers: int = 8, products_per_seller: int = 30, *, kinds: bool = False) -> SampleMarket:
    """The same market for the same arguments; `kinds` adds a seller for every form of catalogue.

    Among the products of each seller the last has no picture, and the last but one is junk that quality must reject;
    two sellers show a photo that they took from another.
    """
    generator = np.random.default_rng(seed)
    chosen = SELLERS[:sellers]
    products = [product for row in chosen for product in _offer(generator, row, products_per_seller)]
    products, copied = _with_copied_photos(products)
    truth = {
        "copied_photo": copied,
        "without_picture": tuple(product.ref for product in products if not product.has_picture),
        "junk": tuple(product.ref for product in products if product.is_junk),
    }
    drawn = tuple(_seller(number, row) for number, row in enumerate(chosen))
    market = SampleMarket(seed, drawn, tuple(products), truth)
    return with_kinds(market, products_per_seller) if kinds else market


def with_kinds(market: SampleMarket, products_per_seller: int = 30) -> SampleMarket:
    """The market and ten more sellers, one for each form of catalogue; what it held before is as it was.

    Their refs are what a reader of that form finds (`marketplace.local.forms`), and one title of each is awkward.
    """
    generator = np.random.default_rng([market.seed, len(SHOPS)])
    products: list[SampleProduct] = []
    for row, form in zip(SHOPS, SHOP_FORMS, strict=True):
        products += _in_form(_offer(generator, row, products_per_seller), form)
    sellers = tuple(_seller(number, row) for number, row in enumerate(SHOPS, len(SELLERS)))
    truth = {
        **market.truth,
        "without_picture": _planted(market, products, lambda product: not product.has_picture, "without_picture"),
        "junk": _planted(market, products, lambda product: product.is_junk, "junk"),
    }
    forms = {row[0]: form for row, form in zip(SHOPS, SHOP_FORMS, strict=True)}
    return SampleMarket(market.seed, market.sellers + sellers, market.products + tuple(products), truth, forms)


def _planted(
    market: SampleMarket, products: list[SampleProduct], is_planted: Callable[[SampleProduct], bool], name: str
) -> tuple[str, ...]:
    return (*market.truth.get(name, ()), *(product.ref for product in products if is_planted(product)))


def _in_form(products: list[SampleProduct], form: str) -> list[SampleProduct]:
    placed = [
        replace(product, title=product.title + AWKWARD) if number == 1 and not product.is_junk else product
        for number, product in enumerate(products)
    ]
    return [
        replace(product, ref=drawn_ref(form, product.seller_handle, number, product.title))
        for number, product in enumerate(placed)
    ]


def _seller(number: int, row: tuple[str, str, str, str, str, float, tuple[str, ...]]) -> Seller:
    handle, name, city, country, currency, _, _ = row
    phone = f"+{DIALLING[country]}{number + 1:03d}"
    return Seller(stable_id("seller", handle), handle, name, phone, city, country, currency, "whatsapp", None)


def _offer(
    generator: np.random.Generator, row: tuple[str, str, str, str, str, float, tuple[str, ...]], count: int
) -> list[SampleProduct]:
    handle, _, _, _, currency, per_dollar, categories = row
    products = []
    for number in range(count):
        category = categories[int(generator.choice(len(categories), p=_shares(len(categories))))]
        names, (low, high) = CATEGORIES[category]
        colour = str(generator.choice(list(COLOURS)))
        pattern = str(generator.choice(PATTERNS))
        name = names[int(generator.integers(len(names)))]
        dollars = float(np.exp(generator.uniform(np.log(low), np.log(high))))
        is_junk = number == count - 2
        products.append(
            SampleProduct(
                ref=f"{stable_id('sample', handle, number):016d}"[-16:],
                seller_handle=handle,
                title=f"Product {number}" if is_junk else _title(name, colour, pattern),
                description=_description(name, colour, pattern),
                category=category,
                colour=colour,
                pattern=pattern,
                price=_price(dollars, per_dollar, currency),
                in_stock=bool(generator.random() > 0.04),
                has_picture=number != count - 1,
                is_junk=is_junk,
            )
        )
    return products


def _shares(count: int) -> list[float]:
    weights = np.array([5, 3, 2][:count], dtype=float)
    return list(weights / weights.sum())


def _title(name: str, colour: str, pattern: str) -> str:
    return f"{name}, {colour}" if pattern == "plain" else f"{name}, {colour} {pattern}"


def _description(name: str, colour: str, pattern: str) -> str:
    look = colour if pattern == "plain" else f"{colour} with {pattern}"
    return f"{name} in {look}. Made by hand; message us on WhatsApp for sizes and delivery."


def _price(dollars: float, per_dollar: float, currency: str) -> Price:
    major = dollars * per_dollar
    step = 10 ** max(0, len(str(int(major))) - 2)  # sellers write round prices
    return Price(max(step, round(major / step) * step) * 10 ** minor_digits(currency), currency)


def _with_copied_photos(products: list[SampleProduct]) -> tuple[list[SampleProduct], tuple[str, ...]]:
    copied: list[str] = []
    first: dict[str, SampleProduct] = {}
    for place, product in enumerate(products):
        original = first.setdefault(product.category, product)
        fits = original.seller_handle != product.seller_handle and product.has_picture and not product.is_junk
        if fits and len(copied) < 2:
            products[place] = replace(product, colour=original.colour, pattern=original.pattern, copies=original.ref)
            copied.append(product.ref)
    return products, tuple(copied)
