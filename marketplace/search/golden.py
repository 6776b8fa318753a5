"""Judged queries: what was asked, and how well each product fits."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from marketplace.errors import InputRejected
from marketplace.search.asking import SearchQuery

Modality = Literal["words", "photo", "photo and words"]
# Amharic in Latin letters has a row of its own: it is another thing to read.
LANGUAGES = ("en", "sw", "am", "am-Latn", "mixed", "misspelt")
BEST = 3  # what was meant, wholly
RELEVANT = 2  # the same kind of thing; from here on a product counts as found
COLUMNS = ("query", "language", "product_id", "grade")
PHOTO = "photo"


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of a query, drawn or read when it is asked for; `name` says which it is, and how it was made."""

    name: str
    taken: Callable[[], bytes] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class GoldenQuery:
    """A query and the grades of the products that fit it: 3 wholly, 2 the same kind, 1 the same category.

    Queries of one `topic` mean the same in other words, so weights tuned on one of them know the others.
    """

    name: str
    language: str
    topic: str
    grades: Mapping[int, int]
    text: str | None = None
    photo: Photo | None = None

    @property
    def modality(self) -> Modality:
        """Whether it is asked in words, by a photo, or by both."""
        if self.photo is None:
            return "words"
        return "photo" if self.text is None else "photo and words"

    @property
    def is_for_tuning(self) -> bool:
        """Whether weights may be tuned on it; the other half of the topics judges them."""
        return hashlib.sha256(f"tune {self.topic}".encode()).digest()[0] % 2 == 0

    def asked(self, *, limit: int, image_weight: float | None = None) -> SearchQuery:
        """The query as a shopper would send it."""
        image = self.photo.taken() if self.photo else None
        return SearchQuery(text=self.text, image=image, image_weight=image_weight, limit=limit, collapse=False)

    @property
    def said(self) -> tuple[object, ...]:
        """All that makes it this query, for the hash."""
        photo = self.photo.name if self.photo else None
        return (self.name, self.language, self.text, photo, sorted(self.grades.items()))


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """Judged queries under a name.

    `titles` are those the products had when they were judged; a product with another title now is another product.
    """

    name: str
    queries: tuple[GoldenQuery, ...]
    titles: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def hash(self) -> str:
        """Twelve hex digits that change with any query or grade."""
        said = json.dumps([query.said for query in self.queries], ensure_ascii=False)
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    @property
    def product_ids(self) -> frozenset[int]:
        """Every product that was judged."""
        return frozenset(product_id for query in self.queries for product_id in query.grades)

    def fitting(self, shelf: Mapping[int, str]) -> GoldenSet:
        """What can be asked of a shelf: grades of the products on it, queries that still have something to find.

        Parameters
        ----------
        shelf
            Titles of the products that can be found now, by id.
        """
        known = {one for one in self.product_ids & shelf.keys() if self.titles.get(one, shelf[one]) == shelf[one]}
        kept = [
            replace(query, grades={one: grade for one, grade in query.grades.items() if one in known})
            for query in self.queries
        ]
        return replace(
            self, queries=tuple(query for query in kept if max(query.grades.values(), default=0) >= RELEVANT)
        )


def read_judgements(file: Path) -> GoldenSet:
    """A market's own judgements: a CSV of query, language, product_id and grade, one row per judged product.

    A fifth column, photo, may name a picture beside the file; its query is the words that were sent with it, or empty.

    Raises
    ------
    InputRejected
        If the file or a row of it is not as it should be; the message names line and value.
    """
    grades: dict[tuple[str, str, str], dict[int, int]] = {}
    for line, row in _rows(file):
        where = f"{file.name} line {line}"
        photo = _photo(row.get(PHOTO, ""), file.parent, where)
        query = row["query"].strip() if photo else _text(row["query"], where)
        language = _language(row["language"], where) if query else ""
        product_id, grade = _whole(row["product_id"], "product_id", where), _grade(row["grade"], where)
        judged = grades.setdefault((language, query, photo), {})
        if product_id in judged:
            raise InputRejected(f"{where}: product {product_id} is judged twice for {query or photo!r}")
        judged[product_id] = grade
    queries = tuple(_judged(*asked, judged, file.parent) for asked, judged in grades.items())
    for one in queries:
        if max(one.grades.values()) < RELEVANT:
            raise InputRejected(f"{file.name}: {(one.text or one.name)!r} has no product of grade {RELEVANT} or {BEST}")
    if not queries:
        raise InputRejected(f"{file.name} holds no judgement")
    return GoldenSet(file.stem, queries)


def _judged(language: str, text: str, photo: str, grades: Mapping[int, int], folder: Path) -> GoldenQuery:
    if not photo:
        return GoldenQuery(f"{language}: {text}", language, text, grades, text=text)
    name = f"photo {photo}, {text}" if text else f"photo {photo}"
    taken = Photo(photo, (folder / photo).read_bytes)
    return GoldenQuery(name, language, photo, grades, text=text or None, photo=taken)


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as content:
            reader = csv.DictReader(content, strict=True)
            columns = tuple(reader.fieldnames or ())
            if columns not in (COLUMNS, (*COLUMNS, PHOTO)):
                wanted = f"{', '.join(COLUMNS)}, and {PHOTO} where there are any"
                raise InputRejected(f"{file.name} line 1: the columns are {wanted}, not {reader.fieldnames}")
            for row in reader:
                if None in row or None in row.values():
                    raise InputRejected(f"{file.name} line {reader.line_num}: a row has {len(columns)} values")
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputRejected(f"the judgements at {file} cannot be read: {error}") from error


def _photo(value: str, folder: Path, where: str) -> str:
    name = value.strip()
    if name and not (folder / name).is_file():
        raise InputRejected(f"{where}: there is no photo {name!r} in {folder}")
    return name


def _text(value: str, where: str) -> str:
    if not value.strip():
        raise InputRejected(f"{where}: the query is empty")
    return value.strip()


def _language(value: str, where: str) -> str:
    if value not in LANGUAGES:
        raise InputRejected(f"{where}: language is {', '.join(LANGUAGES)}, not {value!r}")
    return value


def _whole(value: str, name: str, where: str) -> int:
    if not value.strip().isascii() or not value.strip().isdigit():
        raise InputRejected(f"{where}: {name} is a whole number, not {value!r}")
    return int(value)


def _grade(value: str, where: str) -> int:
    grade = _whole(value, "grade", where)
    if grade > BEST:
        raise InputRejected(f"{where}: a grade is 0 to {BEST}, not {value!r}")
    return grade
