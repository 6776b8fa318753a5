"""What a title says of a product in a form that can be compared: measures, pack, model, colour and other words."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# Spelling of a unit: what it measures, and how many of that dimension's unit it is.
UNITS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        **dict.fromkeys(("ml", "mls", "millilitre", "millilitres", "cc"), ("volume", 1.0)),
        **dict.fromkeys(("cl",), ("volume", 10.0)),
        **dict.fromkeys(("l", "ltr", "ltrs", "lt", "lts", "litre", "litres", "liter", "liters"), ("volume", 1000.0)),
        **dict.fromkeys(("mg",), ("mass", 0.001)),
        **dict.fromkeys(("g", "gm", "gms", "gr", "gram", "grams", "grammes"), ("mass", 1.0)),
        **dict.fromkeys(("kg", "kgs", "kilo", "kilos"), ("mass", 1000.0)),
        **dict.fromkeys(("mm",), ("length", 1.0)),
        **dict.fromkeys(("cm", "cms"), ("length", 10.0)),
        **dict.fromkeys(("m", "mtr", "mtrs", "metre", "metres", "meter", "meters"), ("length", 1000.0)),
        **dict.fromkeys(("inch", "inches", '"'), ("length", 25.4)),
        **dict.fromkeys(("ft", "feet"), ("length", 304.8)),
        **dict.fromkeys(("yard", "yards", "yd", "yds"), ("length", 914.4)),
        **dict.fromkeys(("w", "watt", "watts"), ("power", 1.0)),
        **dict.fromkeys(("kw",), ("power", 1000.0)),
        **dict.fromkeys(("v", "volt", "volts"), ("voltage", 1.0)),
        **dict.fromkeys(("mah",), ("charge", 1.0)),
        **dict.fromkeys(("ah",), ("charge", 1000.0)),
        **dict.fromkeys(("mb",), ("storage", 1 / 1024)),
        **dict.fromkeys(("gb", "g.b", "gig"), ("storage", 1.0)),
        **dict.fromkeys(("tb",), ("storage", 1024.0)),
        **dict.fromkeys(("mp",), ("pixels", 1.0)),
    }
)
_COLOUR_NAMES = (
    "black", "white", "red", "blue", "green", "yellow", "orange", "purple", "pink", "brown", "beige", "gold",
    "silver", "navy", "maroon", "cream", "khaki", "turquoise", "teal", "violet", "indigo", "mustard",
    "terracotta", "charcoal", "plum", "rose", "bronze", "graphite", "copper",
)  # fmt: skip
COLOURS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in _COLOUR_NAMES},
        "grey": "grey", "gray": "grey", "golden": "gold", "sliver": "silver",
        "multicolor": "multicolour", "multicolour": "multicolour", "multicolored": "multicolour",
        "nyeusi": "black", "nyeupe": "white", "nyekundu": "red", "buluu": "blue", "kijani": "green",
    }
)  # fmt: skip
# Words that make another product of the same name.
VARIANTS = frozenset((
    "pro", "max", "plus", "ultra", "mini", "lite", "core", "fe", "hd", "se", "prime", "note", "air", "slim",
    "refill",
))  # fmt: skip
WEARERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("men", "mens", "man", "male", "gents", "gentlemen"), "men"),
        **dict.fromkeys(("women", "womens", "woman", "ladies", "lady", "female"), "women"),
        **dict.fromkeys(("kids", "kid", "children", "childrens", "baby", "babies", "toddler", "boys", "girls"), "kids"),
    }
)
# Said of anything, so they tell nothing apart.
NOISE = frozenset((
    "a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with", "new", "original",
    "genuine", "quality", "high", "best", "fashion", "generic", "free", "gift", "offer", "sale", "brand",
    "premium", "latest", "official", "warranty", "wrty", "pack", "pc", "pcs", "piece", "pieces", "pk", "yr",
    "yrs", "year", "years", "unit", "units", "hot",
))  # fmt: skip

_SAID_ELSEWHERE = NOISE | VARIANTS | COLOURS.keys() | WEARERS.keys()
_SPELLINGS = (
    (re.compile(r"''|′′|[“”]"), '"'),
    (re.compile(r"[’′]"), "'"),
    (re.compile(r"(?<=\d),(?=\d{3}\b)"), ""),
    (re.compile(r"\b1[/⁄]2\b"), "0.5"),
    (re.compile(r"\b1[/⁄]4\b"), "0.25"),
    (re.compile(r"\b\d+\s*in\s*1\b"), " "),
    (re.compile(r"\b(\d+w)-(\d+)\b"), r"\1\2"),  # a grade of oil, no power
    (re.compile(r"\b[2-5]g\b(?:\s*lte\b)?"), " "),  # a telephone network, no weight
    (re.compile(r"\b\d+\s*(?:yrs?|years?)\b"), " "),  # a warranty
    (
        re.compile(
            r"\+\s*(?:all\s+|\w+\s+)?(?:freebies|gifts?|smart\s*watch|watch|ear(?:buds|pods)|power\s*bank|cap|belt)\b.*$"
        ),
        " ",
    ),
    (re.compile(r"(?:\+|\bplus\b|\band\b|/{1,2}|,|&)?\s*\bfree\b.*$"), " "),  # a gift, to the end
)
_QUANTITY = re.compile(
    r"(?<![\w.])(\d+(?:[.,]\d+)?)\s*-?\s*("
    + "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
    + r")(?!\w)"
)
_PACKS = (
    re.compile(r"\b(?:packs?|set|box|bundle|combo|pcs|pieces)\s+of\s+(\d+)\b"),
    re.compile(r"\b(\d+)\s*-?\s*(?:pcs?|pieces?|packs?|pairs?|pk|sets?|sachets|tablets|capsules|sheets)\b"),
    re.compile(r"(?:ml|l|ltrs?|g|gms?|kg)\s*x\s?(\d+)\b"),
    re.compile(r"^\s*(\d+)\s?x\s"),
)
_WORD = re.compile(r"[^\W_]+(?:[-'./][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class ReadTitle:
    """A title, read.

    Parameters
    ----------
    measures
        Every value of each dimension in one unit: millilitres, grams, millimetres, watts, gigabytes.
    pack
        How many are sold together, 1 where the title does not say.
    codes
        Words with letters and digits, and bare numbers: models, sizes, shades.
    words
        All other words that tell something.
    first
        The first of the words, which is the brand where there is one; empty without words.
    """

    measures: Mapping[str, frozenset[float]]
    pack: int
    codes: frozenset[str]
    variants: frozenset[str]
    colours: frozenset[str]
    wearers: frozenset[str]
    words: frozenset[str]
    first: str

    @property
    def tokens(self) -> frozenset[str]:
        """Words and codes: what two titles of one product share."""
        return self.words | self.codes


def read_title(title: str) -> ReadTitle:
    """What the title says, whatever its spelling of units, colours and packs."""
    text = unicodedata.normalize("NFKC", html.unescape(title)).casefold()
    for pattern, instead in _SPELLINGS:
        text = pattern.sub(instead, text)
    pack, text = _packed(text)
    measures, text = _measured(text)
    found = [_plain(word) for word in _WORD.findall(text)]
    words = [word for one in found for word in (one if isinstance(one, tuple) else (one,))]
    codes = frozenset(word for word in words if any(letter.isdigit() for letter in word))
    rest = [word for word in words if word not in codes]
    telling = [_singular(word) for word in rest if len(word) > 1 and word not in _SAID_ELSEWHERE]
    return ReadTitle(
        measures=measures,
        pack=pack,
        codes=codes,
        variants=frozenset(word for word in rest if word in VARIANTS),
        colours=frozenset(COLOURS[word] for word in rest if word in COLOURS),
        wearers=frozenset(WEARERS[word] for word in rest if word in WEARERS),
        words=frozenset(telling),
        first=telling[0] if telling else "",
    )


def contradiction(one: ReadTitle, other: ReadTitle) -> str | None:
    """In what the two cannot be the same product, None where nothing speaks against it."""
    if one.pack != other.pack:
        return "pack"
    for dimension in one.measures.keys() & other.measures.keys():
        if not _one_holds_the_other(one.measures[dimension], other.measures[dimension]):
            return dimension
    if one.variants != other.variants:
        return "variant"
    if one.codes and other.codes and not (one.codes <= other.codes or other.codes <= one.codes):
        return "code"
    if one.colours and other.colours and not one.colours & other.colours:
        return "colour"
    if one.wearers and other.wearers and not one.wearers & other.wearers:
        return "wearer"
    return None


def _one_holds_the_other(one: frozenset[float], other: frozenset[float]) -> bool:
    few, many = sorted((one, other), key=len)
    return all(any(math.isclose(value, held, rel_tol=0.02) for held in many) for value in few)


def _packed(text: str) -> tuple[int, str]:
    """How many are sold together, and the text without that number."""
    for pattern in _PACKS:
        if found := pattern.search(text):
            return max(1, int(found[1])), text[: found.start(1)] + " " + text[found.end(1) :]
    return 1, text


def _measured(text: str) -> tuple[Mapping[str, frozenset[float]], str]:
    values: dict[str, set[float]] = {}
    for number, unit in _QUANTITY.findall(text):
        dimension, factor = UNITS[unit]
        values.setdefault(dimension, set()).add(round(float(number.replace(",", ".")) * factor, 4))
    kept = {dimension: frozenset(found) for dimension, found in values.items()}
    return MappingProxyType(kept), _QUANTITY.sub(" ", text)


def _plain(word: str) -> str | tuple[str, ...]:
    """The word without hyphens if it is a code, its parts otherwise."""
    if any(letter.isdigit() for letter in word):
        return word.replace("-", "").replace("'", "").replace("/", "").strip(".")
    parts = re.split(r"[-./]", word.removesuffix("'s").replace("'", ""))
    return ("".join(parts),) if any(len(part) == 1 for part in parts) else tuple(parts)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
