"""Rules that approve, flag or reject a product, each with its reason, and how sure the verdict is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from marketplace.catalog.banned import CLASSES, banned_in
from marketplace.catalog.price_ranges import PriceRange
from marketplace.catalog.products import Price, Verdict

RULES_VERSION = "2"
LONGEST_TITLE = 180
HIGHEST_MAJOR_UNITS = 100_000_000
JUDGED_TEXT = 4_000  # characters of a description that are looked at
CHANGED_SINCE_REVIEW = "changed_since_review"
CATEGORY_DOUBTFUL = "category_doubtful"
MODEL_REJECTS = "model_rejects"
SURE_OF_SOUND = 0.95  # of an approved product that everything could be looked at
UNLOOKED = 0.05  # less for each thing that could not be: the price without a range, the picture without measures
SURE_MODEL = 0.8  # a model less sure than this leaves the product to people
SHOUTED_LETTERS = 8
FACTS = frozenset({"picture_missing", "price_missing"})
FOR_PEOPLE = FACTS | {"text_addresses_a_model", "title_contact", "currency_mismatch"}
JudgedBy = Literal["rules", "reviewer", "model"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules look at.

    `usual_price` is None where too few products tell it, `picture_flaws` where the picture was not measured.
    """

    title: str
    price: Price | None
    minor_digits: int
    has_picture: bool
    description: str = ""
    market_currency: str | None = None
    usual_price: PriceRange | None = None
    picture_flaws: tuple[str, ...] | None = None
    is_category_doubtful: bool = False
    price_quantity: float = 1.0


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a vision-language model said of a product, and how sure it was (0 to 1)."""

    verdict: Verdict
    reasons: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Review:
    """What a person decided, and whether the product is still the one they saw."""

    verdict: Verdict
    is_of_this_content: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, the reasons for it (none for a sound product), how sure it is, and whose it is.

    `confidence` is the share of such verdicts that a person is expected to confirm.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    confidence: float = SURE_OF_SOUND
    judged_by: JudgedBy = "rules"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a product is not simply approved: a sentence for people, whether it rejects, and how often it is right.

    `certainty` was set by judgement, not measured; the decisions of reviewers are there to measure it by.
    """

    sentence: str
    certainty: float
    rejects: bool = False


def judge(product: Judged) -> Judgement:
    """Rejected if any rejecting rule holds, flagged if any other does, approved otherwise."""
    reasons = tuple(reason for reason, holds in RULES.items() if holds(product))
    reasons += tuple(one.reason for one in banned_in(f"{product.title}\n{product.description[:JUDGED_TEXT]}"))
    reasons += tuple(f"picture_{flaw}" for flaw in product.picture_flaws or ())
    reasons = tuple(dict.fromkeys(reasons))
    rejecting = [known_reason(reason).certainty for reason in reasons if known_reason(reason).rejects]
    if rejecting:
        return Judgement("rejected", reasons, max(rejecting))
    if reasons:
        return Judgement("flagged", reasons, _together(reasons))
    return Judgement("approved", (), confidence_of_sound(product))


def confidence_of_sound(product: Judged) -> float:
    """How sure an approval is: less so where the price has no range to be held against, or the picture no measures."""
    unlooked = (product.price is not None and product.usual_price is None) + (product.picture_flaws is None)
    return round(SURE_OF_SOUND - UNLOOKED * unlooked, 3)


def weighed(judgement: Judgement, review: Review | None, opinion: Opinion | None) -> Judgement:
    """The judgement after a model was heard, and after a person decided: the person wins, whatever the others say.

    A sure model settles a flagged product, unless a reason stands that only people may clear.
    """
    if review is not None:
        changed = () if review.is_of_this_content else (CHANGED_SINCE_REVIEW,)
        return Judgement(review.verdict, judgement.reasons + changed, 1.0, "reviewer")
    if opinion is None or judgement.verdict != "flagged" or opinion.confidence < SURE_MODEL:
        return judgement
    if opinion.verdict == "rejected":
        return Judgement("rejected", (*judgement.reasons, MODEL_REJECTS), opinion.confidence, "model")
    if opinion.verdict == "approved" and not any(map(is_for_people, judgement.reasons)):
        return Judgement("approved", judgement.reasons, opinion.confidence, "model")
    return judgement


def is_for_people(reason: str) -> bool:
    """Whether a model cannot clear the reason: it is a plain fact, or the product's words could talk a model round."""
    return reason.startswith("suspect_") or reason in FOR_PEOPLE


def known_reason(reason: str) -> Reason:
    """What is known of a reason; a flaw of pictures that has no sentence yet flags and is named by its code."""
    found = REASONS.get(reason)
    if found is None and reason.startswith("picture_"):
        return Reason(f"The picture is {reason.removeprefix('picture_').replace('_', ' ')}.", 0.6)
    return found or Reason(f"{reason.replace('_', ' ').capitalize()}.", 0.5)


def sentences(reasons: Sequence[str]) -> list[str]:
    """The reasons in words."""
    return [known_reason(reason).sentence for reason in reasons]


def _together(reasons: Sequence[str]) -> float:
    """How sure it is that at least one reason is right, were they independent."""
    wrong = 1.0
    for reason in reasons:
        wrong *= 1 - known_reason(reason).certainty
    return round(1 - wrong, 3)


def _is_placeholder(product: Judged) -> bool:
    title = product.title.strip()
    return bool(title) and _PLACEHOLDER.fullmatch(title) is not None


def _is_absurd(product: Judged) -> bool:
    price = product.price
    highest = HIGHEST_MAJOR_UNITS * 10**product.minor_digits
    return price is not None and not 0 < price.amount_minor <= highest


def _is_unusual(product: Judged) -> bool:
    price, usual = product.price, product.usual_price
    return price is not None and usual is not None and not usual.holds(price.amount_minor / product.price_quantity)


def _is_in_other_money(product: Judged) -> bool:
    price = product.price
    return price is not None and product.market_currency is not None and price.currency != product.market_currency


def _shouts(product: Judged) -> bool:
    cased = [character for character in product.title if character.lower() != character.upper()]
    return len(cased) >= SHOUTED_LETTERS and all(character.isupper() for character in cased)


def _addresses_a_model(product: Judged) -> bool:
    return _ADDRESSED.search(f"{product.title}\n{product.description[:JUDGED_TEXT]}") is not None


_PLACEHOLDER = re.compile(
    r"(?:(?:sample|test|demo|dummy|new|untitled)\s*)?(?:product|item|listing|title|bidhaa|ምርት)?\s*(?:no\.?|#)?\s*\d*"
    r"|.*\b(?:product|item|listing)\s*(?:no\.?|#)?\s*\d+|lorem ipsum.*|x+|\W+"
    r"|n/?a|none|null|undefined|nan|no (?:name|title)|(?:product )?(?:name|title) here|asdf\w*|qwerty\w*|todo|tbd|tba"
    r"|(?:img|dsc|dscn|pxl|image|photo|picture|screenshot|whatsapp image)[\s_-]*\d[\d\s._:()-]*"
    r"(?:at [\d.:\s]+)?(?:am|pm)?"
    r"|[\w-]+\.(?:jpe?g|png|webp|heic|gif)",
    re.IGNORECASE,
)
_CONTACT = re.compile(r"(?:\+|\b0|\b00)\d(?:[\s-]?\d){8,}|\S+@\S+\.\w|https?://|www\.|wa\.me", re.IGNORECASE)
_ADDRESSED = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,30}\b(?:instructions?|prompts?|rules)\b|\bsystem prompt\b"
    r"|\b(?:you are|act as) an? (?:ai|assistant|language model|judge|moderator)\b"
    r"|\brespond (?:only )?with\b.{0,20}\b(?:approved|json)\b|\"verdict\"\s*:",
    re.IGNORECASE | re.DOTALL,
)

RULES: Mapping[str, Callable[[Judged], bool]] = MappingProxyType(
    {
        "title_missing": lambda product: not product.title.strip(),
        "title_placeholder": _is_placeholder,
        "price_absurd": _is_absurd,
        "price_unusual": _is_unusual,
        "currency_mismatch": _is_in_other_money,
        "title_contact": lambda product: _CONTACT.search(product.title) is not None,
        "title_shouts": _shouts,
        "title_too_long": lambda product: len(product.title) > LONGEST_TITLE,
        "text_addresses_a_model": _addresses_a_model,
        CATEGORY_DOUBTFUL: lambda product: product.is_category_doubtful,
        "picture_missing": lambda product: not product.has_picture,
        "price_missing": lambda product: product.price is None,
    }
)

REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        "title_missing": Reason("The product has no title.", 1.0, rejects=True),
        "title_placeholder": Reason(
            "The title is a placeholder, such as 'Product 12', 'test' or 'IMG_1234'.", 0.97, rejects=True
        ),
        "price_absurd": Reason("The price is zero or larger than anything sold here.", 0.99, rejects=True),
        "price_unusual": Reason("The price is far from what others of this category cost.", 0.6),
        "currency_mismatch": Reason("The price is in another currency than the seller's.", 0.6),
        "title_contact": Reason("The title holds a phone number, an e-mail or a web address.", 0.9),
        "title_shouts": Reason("The title is written in capitals only.", 0.9),
        "title_too_long": Reason(f"The title is longer than {LONGEST_TITLE} characters.", 0.9),
        "text_addresses_a_model": Reason("The text gives orders to a machine instead of describing the product.", 0.8),
        CATEGORY_DOUBTFUL: Reason("Picture and words look like another category than the one named.", 0.6),
        "picture_missing": Reason("There is no usable picture.", 1.0),
        "price_missing": Reason("The source shows no price.", 1.0),
        "picture_blank": Reason("The picture is blank.", 0.97, rejects=True),
        "picture_blurred": Reason("The picture is blurred.", 0.6),
        "picture_tiny": Reason("The picture is too small to show the product.", 0.8),
        "picture_screenshot": Reason("The picture looks like a screenshot.", 0.6),
        "picture_text_heavy": Reason("The picture holds more text than product.", 0.6),
        "picture_not_a_product": Reason("The picture does not seem to show a product.", 0.5),
        **{f"banned_{kind}": Reason(f"The words name {what}.", 0.95, rejects=True) for kind, what in CLASSES.items()},
        **{f"suspect_{kind}": Reason(f"The words may name {what}.", 0.5) for kind, what in CLASSES.items()},
        CHANGED_SINCE_REVIEW: Reason("The product changed since a person decided on it.", 1.0),
        MODEL_REJECTS: Reason("A vision-language model, asked about a flagged product, rejected it.", 0.8),
    }
)
REJECTING = frozenset(reason for reason, known in REASONS.items() if known.rejects)
