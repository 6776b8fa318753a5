"""Judged queries of folders of real photos, which are read where they lie and never copied into the project."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from marketplace.catalog.products import stable_id
from marketplace.errors import InputRejected
from marketplace.search.golden import BEST, GoldenQuery, GoldenSet, Photo

# What shoppers call the kinds of clothing.
CLOTHES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "dress": {"en": "dress", "sw": "gauni", "am": "ቀሚስ"},
        "hat": {"en": "hat", "sw": "kofia", "am": "ባርኔጣ"},
        "longsleeve": {"en": "long sleeve shirt", "sw": "shati la mikono mirefu", "am": "ረጅም እጅጌ ሸሚዝ"},
        "outwear": {"en": "jacket", "sw": "koti", "am": "ጃኬት"},
        "pants": {"en": "trousers", "sw": "suruali", "am": "ሱሪ"},
        "shirt": {"en": "shirt", "sw": "shati", "am": "ሸሚዝ"},
        "shoes": {"en": "shoes", "sw": "viatu", "am": "ጫማ"},
        "shorts": {"en": "shorts", "sw": "kaptula", "am": "ቁምጣ"},
        "skirt": {"en": "skirt", "sw": "sketi", "am": "ጉርድ ቀሚስ"},
        "t-shirt": {"en": "t-shirt", "sw": "fulana", "am": "ቲሸርት"},
    }
)


@dataclass(frozen=True, slots=True)
class FolderProduct:
    """A product of a folder, and the file of its picture."""

    ref: str
    title: str
    category: str
    description: str
    picture: Path


def grocery(folder: Path, handle: str) -> tuple[list[FolderProduct], GoldenSet]:
    """The catalogue of a folder with `catalog.json` and `queries/queries.json`, and its judged queries.

    A shelf photo fits the one product that it shows, and a little the others of its category. It is also asked with
    the category's name beside it; and each product is asked by its title alone.

    Parameters
    ----------
    handle
        Of the seller under whom the products are taken in.

    Raises
    ------
    InputRejected
        If the folder has no such files.
    """
    listed, shots = (_listed(folder / name) for name in ("catalog.json", "queries/queries.json"))
    products = [
        FolderProduct(row["sku"], row["title"], row["category"], row["description"], folder / row["image"])
        for row in listed
    ]
    by_ref = {product.ref: product for product in products}
    queries = [_titled(product, _only(product, products, handle)) for product in products]
    for shot in shots:
        shown = by_ref[shot["sku"]]
        photo = Photo(shot["image"], (folder / "queries" / shot["image"]).read_bytes)
        grades = _only(shown, products, handle)
        name, beside = f"photo {shot['image']}", shown.category.replace("-", " ")
        queries.append(GoldenQuery(name, "", shown.ref, grades, photo=photo))
        queries.append(GoldenQuery(f"{name}, {beside}", "en", shown.ref, grades, text=beside, photo=photo))
    return products, GoldenSet("grocery", tuple(queries))


def clothing(folder: Path, photos: Path, handle: str, *, most: int) -> tuple[list[FolderProduct], GoldenSet]:
    """A catalogue of photos in folders of their kind, and photos of the same kinds as queries.

    A photo fits every product of its kind, and so does the kind's name in each language.

    Parameters
    ----------
    most
        Products and photos of one kind, at most.

    Raises
    ------
    InputRejected
        If one of the folders has no photos in folders of these kinds.
    """
    products = [
        FolderProduct(f"{kind}-{file.stem}", f"Second-hand {kind}", kind, "", file)
        for kind, file in _by_kind(folder, most)
    ]
    fits = {
        kind: {_product_id(handle, product): BEST for product in products if product.category == kind}
        for kind in CLOTHES
    }
    queries = [
        GoldenQuery(f"{language}: {text}", language, kind, fits[kind], text=text)
        for kind, words in CLOTHES.items()
        for language, text in words.items()
    ]
    queries += [
        GoldenQuery(f"photo {kind}/{file.name}", "", file.name, fits[kind], photo=Photo(file.name, file.read_bytes))
        for kind, file in _by_kind(photos, most)
    ]
    return products, GoldenSet("clothing", tuple(queries))


def _titled(product: FolderProduct, grades: Mapping[int, int]) -> GoldenQuery:
    return GoldenQuery(f"en: {product.title}", "en", product.ref, grades, text=product.title)


def _only(shown: FolderProduct, products: Sequence[FolderProduct], handle: str) -> dict[int, int]:
    alike = [product for product in products if product.category == shown.category]
    return {_product_id(handle, product): BEST if product == shown else 1 for product in alike}


def _product_id(handle: str, product: FolderProduct) -> int:
    return stable_id("product", stable_id("seller", handle), product.ref)


def _by_kind(folder: Path, most: int) -> list[tuple[str, Path]]:
    found = [(kind, file) for kind in CLOTHES for file in sorted((folder / kind).glob("*.jpg"))[:most]]
    if {kind for kind, _ in found} != set(CLOTHES):
        raise InputRejected(
            f"{folder} lacks photos of {', '.join(sorted(CLOTHES.keys() - {kind for kind, _ in found}))}"
        )
    return found


def _listed(file: Path) -> list[dict[str, str]]:
    try:
        rows: list[dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputRejected(f"{file} cannot be read: {error}") from error
    return rows
