"""Judged queries grown from the truth that is planted in the sample market.

Words mean a kind of product or a category, whatever language a title is in: `golden_words.csv` holds them as
shoppers write them. A photo shows one product as a phone would see it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType

from marketplace.catalog.products import stable_id
from marketplace.local.market import CATEGORIES, COLOURS, SampleMarket, SampleProduct
from marketplace.local.phone import RECIPE, as_seen_by_a_phone
from marketplace.local.pictures import draw_picture
from marketplace.search.golden import BEST, RELEVANT, GoldenQuery, GoldenSet, Photo

DATA = Path(__file__).with_name("data")
# What the names in titles mean; names of one kind are the same thing in other words.
KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "kitenge dress": ("Kitenge dress", "Gauni la kitenge"),
        "maxi dress": ("Ankara maxi dress",),
        "wrap dress": ("Wrap dress",),
        "habesha dress": ("የሐበሻ ቀሚስ",),
        "wax print shirt": ("Ankara shirt", "Shati la kitenge"),
        "linen shirt": ("Linen shirt",),
        "dashiki": ("Dashiki top",),
        "leather shoes": ("Leather shoes", "Viatu vya ngozi", "የቆዳ ጫማ"),
        "canvas sneakers": ("Canvas sneakers",),
        "beaded sandals": ("Maasai beaded sandals", "Viatu vya shanga"),
        "akala sandals": ("Akala sandals",),
        "kiondo": ("Kiondo handbag",),
        "leather bag": ("Leather tote bag", "Mkoba wa ngozi"),
        "market tote": ("Market tote",),
        "sisal basket": ("Sisal basket",),
        "bolga basket": ("Bolga basket",),
        "palm basket": ("Kikapu cha ukindu",),
        "laundry basket": ("Woven laundry basket",),
        "clay pot": ("Clay cooking pot", "Chungu cha udongo"),
        "sufuria": ("Sufuria with lid",),
        "jebena": ("Jebena coffee pot",),
        "stoneware mug": ("Stoneware mug",),
        "enamel mug": ("Enamel mug",),
        "clay cup": ("Kikombe cha udongo",),
        "coffee cup": ("Coffee cup",),
        "kitenge fabric": ("Kitenge fabric 6 yards", "Ankara wax print", "Kitambaa cha vitenge"),
        "kanga": ("Kanga pair",),
        "beaded necklace": ("Beaded necklace", "Mkufu wa shanga"),
        "brass earrings": ("Brass earrings",),
        "maasai collar": ("Maasai collar",),
        "headwrap": ("Ankara headwrap", "Kilemba"),
        "gele": ("Gele headtie",),
        "phone cover": ("Kitenge phone cover", "Kava ya simu"),
        "beaded phone case": ("Beaded phone case",),
    }
)
KIND_OF: Mapping[str, str] = MappingProxyType({name: kind for kind, names in KINDS.items() for name in names})
COLOURED = 14  # queries of words with a colour, for each language
PHOTOS_OF_CATEGORY = 3
WORDS_BESIDE = "en", "sw", "am", "am-Latn"  # languages of the words beside photos, in turn
THIS_BUT = {"en": "this, but {}", "sw": "kama hii, {}", "am": "{}", "am-Latn": "{}"}
NO_WORDS = ""


def golden_market(market: SampleMarket) -> GoldenSet:
    """Queries in words, by photo and by both, with the grade of every product of the market that is fit."""
    sold = [product for product in market.products if not product.is_junk]
    grown = [*_in_words(market, sold), *_in_colour(market, sold), *_by_photo(market, sold)]
    queries = [query for query in grown if max(query.grades.values(), default=0) >= RELEVANT]
    return GoldenSet("sample", tuple(queries), {market.product_id(one): one.title for one in sold})


def kind_of(product: SampleProduct) -> str:
    """The kind that the product's title names, in whatever language."""
    return KIND_OF[product.title.partition(",")[0]]


def _in_words(market: SampleMarket, sold: Sequence[SampleProduct]) -> Iterator[GoldenQuery]:
    for row in _read("golden_words.csv"):
        meant, text, language = row["meant"], row["text"], row["language"]
        grade = partial(_grade_of_kind, meant) if meant in KINDS else partial(_grade_of_categories, _categories(meant))
        yield GoldenQuery(f"{language}: {text}", language, meant, _judged(market, sold, grade), text=text)


def _in_colour(market: SampleMarket, sold: Sequence[SampleProduct]) -> Iterator[GoldenQuery]:
    """Words for a kind and a colour: the colour's own name, as titles have it, or an everyday word for it."""
    words = _read("golden_words.csv")
    for language in ("en", "sw", "am", "am-Latn", "mixed"):
        names: dict[str, str] = {}
        for row in words:
            if row["language"] == language and row["meant"] in KINDS:
                names.setdefault(row["meant"], row["text"])
        offered = [
            (kind, name, word, colours)
            for kind, name in names.items()
            for word, colours in _colours(language).items()
            if any(kind_of(one) == kind and one.colour in colours for one in sold)
        ]
        offered.sort(key=lambda found: stable_id("coloured", language, found[0], found[2]))
        for kind, name, word, colours in offered[:COLOURED]:
            text = f"{name} {word}" if language in ("sw", "mixed") else f"{word} {name}"
            grades = _judged(market, sold, partial(_grade_of_coloured, kind, colours))
            yield GoldenQuery(f"{language}: {text}", language, kind, grades, text=text)


def _by_photo(market: SampleMarket, sold: Sequence[SampleProduct]) -> Iterator[GoldenQuery]:
    """A photo alone; and with words, for another colour of the same thing or for the name of what it shows."""
    texts: dict[tuple[str, str], str] = {}
    for row in _read("golden_words.csv"):
        texts.setdefault((row["language"], row["meant"]), row["text"])
    for number, shown in enumerate(_photographed(sold)):
        language = WORDS_BESIDE[number % len(WORDS_BESIDE)]
        topic, photo = f"photo of {shown.ref}", _photo(shown)
        yield GoldenQuery(topic, NO_WORDS, topic, _judged(market, sold, partial(_grade_of_looks, shown)), photo=photo)
        for word, colours in _other_colours(language, shown, sold):
            text = THIS_BUT[language].format(word)
            grades = _judged(market, sold, partial(_grade_of_recoloured, shown, colours))
            yield GoldenQuery(f"{topic}, {language}: {text}", language, topic, grades, text=text, photo=photo)
        named = next((one for one in (language, "sw", "en") if (one, kind_of(shown)) in texts), None)
        if named is not None:
            text = texts[named, kind_of(shown)]
            grades = _judged(market, sold, partial(_grade_of_named, shown))
            yield GoldenQuery(f"{topic}, {named}: {text}", named, topic, grades, text=text, photo=photo)


def _other_colours(
    language: str, shown: SampleProduct, sold: Sequence[SampleProduct]
) -> Iterable[tuple[str, frozenset[str]]]:
    """At most one word for a colour that the thing shown has not, but others of its category have."""
    there = {one.colour for one in sold if one.category == shown.category}
    fits = [
        (word, colours)
        for word, colours in _colours(language).items()
        if shown.colour not in colours and colours & there and word not in COLOURS
    ]
    return sorted(fits, key=lambda found: stable_id("other colour", shown.ref, found[0]))[:1]


def _photographed(sold: Sequence[SampleProduct]) -> list[SampleProduct]:
    """The products whose photos are taken: some of each category, none with the picture of another."""
    chosen = []
    for category in CATEGORIES:
        own = [one for one in sold if one.category == category and one.has_picture and one.copies is None]
        chosen += sorted(own, key=lambda one: stable_id("photographed", one.ref))[:PHOTOS_OF_CATEGORY]
    return chosen


def _photo(shown: SampleProduct) -> Photo:
    return Photo(f"{shown.ref} by a phone {RECIPE}", cache(partial(_taken, shown)))


def _taken(shown: SampleProduct) -> bytes:
    return as_seen_by_a_phone(draw_picture(shown), stable_id("phone", shown.ref))


def _judged(
    market: SampleMarket, sold: Iterable[SampleProduct], grade: Callable[[SampleProduct], int]
) -> dict[int, int]:
    grades = {market.product_id(one): grade(one) for one in sold}
    return {product_id: found for product_id, found in grades.items() if found}


def _grade_of_kind(kind: str, product: SampleProduct) -> int:
    return BEST if kind_of(product) == kind else int(product.category == _category_of(kind))


def _grade_of_categories(categories: frozenset[str], product: SampleProduct) -> int:
    return BEST if product.category in categories else 0


def _grade_of_coloured(kind: str, colours: frozenset[str], product: SampleProduct) -> int:
    grade = _grade_of_kind(kind, product)
    return RELEVANT if grade == BEST and product.colour not in colours else grade


def _grade_of_looks(shown: SampleProduct, product: SampleProduct) -> int:
    """By what a photo shows: the thing itself, then things of its shape and colour, then of its shape."""
    if product.ref == shown.ref or product.copies == shown.ref:
        return BEST
    if product.category != shown.category:
        return 0
    return RELEVANT if product.colour == shown.colour else 1


def _grade_of_recoloured(shown: SampleProduct, colours: frozenset[str], product: SampleProduct) -> int:
    """The shape and the pattern of what is shown in a colour asked for, then any pattern, then any colour."""
    if product.category != shown.category:
        return 0
    if product.colour not in colours:
        return 1
    return BEST if product.pattern == shown.pattern else RELEVANT


def _grade_of_named(shown: SampleProduct, product: SampleProduct) -> int:
    if product.ref == shown.ref or product.copies == shown.ref:
        return BEST
    if kind_of(product) == kind_of(shown) and product.colour == shown.colour:
        return RELEVANT
    return int(product.category == shown.category)


def _category_of(kind: str) -> str:
    return next(category for category, (names, _) in CATEGORIES.items() if KINDS[kind][0] in names)


def _categories(meant: str) -> frozenset[str]:
    return frozenset(category for category in CATEGORIES if category in meant)


def _colours(language: str) -> dict[str, frozenset[str]]:
    """What shoppers of a language call colours, and the colours that each word may mean."""
    own = {name: frozenset({name}) for name in COLOURS}
    if language == "mixed":
        return own
    said = {
        row["text"]: frozenset(row["colours"].split())
        for row in _read("golden_colours.csv")
        if row["language"] == language
    }
    return said | own if language == "en" else said


def _read(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))
