"""Titles and descriptions for a reader: without mark-up, emoji runs, shouting, repeated words and ways to contact.

The source's own words stay as they were; what is made here is kept beside them.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from marketplace.catalog.text import fit_text

LONGEST_PHRASE = 4  # words of a phrase that is looked for twice in a row
SHOUTING_SHARE = 0.6  # of the longer words that stand in capitals
SHOUTED_WORDS = 2
LEAST_PHONE_DIGITS = 9
# Written in capitals by everyone: what they stand for is longer.
_ACRONYMS_WORDS = (
    "TV LED LCD QLED OLED UHD HD FHD HDMI USB SD SIM GPS LPG UV SPF DVD CD PC SSD HDD RAM ROM CPU GPU AC DC FM AM VIP "
    "DIY EU UK USA PVC PU EVA MDF ABS HB BP ID II III IV VI VII VIII IX XL XXL XXXL XS XXS GB TB MB KG ML CM MM KM "
    "UHT NFC IP WIFI RGB HP LG JBL TCL MTN BIC OMO NIVEA SONY DELL ASUS IKEA BOSCH DSTV STV OPPO LTE VR POS CCTV UPS "
    "KES UGX TZS ETB KSH"
)
ACRONYMS = frozenset(_ACRONYMS_WORDS.split())
# Said twice on purpose.
_REDUPLICATED_WORDS = (
    "pole haraka sawa mbali pili piki boda tuk yo bora chow dik chap juu hivi moja mbele polepole wax bling cha so go "
    "no bye tilk tiru tinish tilik konjo"
)
REDUPLICATED = frozenset(_REDUPLICATED_WORDS.split())
_JOINING_WORDS = "a an and at by for from in of on or the to with na ya wa za la cha vya kwa ni ena le ke"
_JOINING = frozenset(_JOINING_WORDS.split())
_TAG = re.compile(r"<!--.*?-->|</?[a-z][^<>]*>", re.IGNORECASE | re.DOTALL)
_STYLED = re.compile("[\U0001d400-\U0001d7ff\uff01-\uff5e]+")  # letters that are pictures of letters
_EMOJI = (
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u23e9-\u23fa\u231a\u231b\u203c\u2049\u2934\u2935\u3030\u303d]"
    "[\ufe0e\ufe0f\u20e3\u200d\U000e0020-\U000e007f]*"
)
_EMOJI_RUN = re.compile(rf"(?:{_EMOJI}\s*)+")
_MARKS = re.compile("[\ufe0e\ufe0f\u20e3\u200b-\u200f\u2060]")
_ADDRESS = re.compile(
    r"https?://\S+|www\.\S+|\b(?:wa\.me|t\.me|chat\.whatsapp\.com|bit\.ly)/\S+"
    r"|\b[a-z0-9-]{2,}\.(?:com|net|org|shop|store|africa|co\.(?:ke|tz|ug|za|rw|et))\b\S*"
    r"|\b[\w.+-]+@[\w-]+\.\w[\w.-]*|(?<![\w.])@[A-Za-z_][\w.]{2,}",
    re.IGNORECASE,
)
_GAP = r"[\s().-]{0,2}"
# Twelve digits after + in most of Africa, ten with a leading 0; so two numbers in a row stay two.
_PHONE = re.compile(
    rf"(?<![\w.])(?<!\w-)(?:(?:\+|00){_GAP}(?:2(?:{_GAP}\d){{11}}(?!\w)|[1-9](?:{_GAP}\d){{7,13}}(?!\w))"
    rf"|0{_GAP}\d(?:{_GAP}\d){{7,8}}(?!\w))"
)
# What leads to a number, and says nothing once it is gone.
_LEAD_IN = (
    r"(?:\b(?:please|kindly|call|text|sms|whats\s?app|wapp|inbox|contact|tel|phone|mob|mobile|hotline|order|dm|reach|follow"
    r"|piga|simu|wasiliana|tupigie|nasi|dewul|dewulu|yidewulu|silk|us|me|on|at|via|or|now|kwa|no|number|through)\b|ይደውሉ|ደውሉልን|ስልክ|☎|📞)"
)
_LED = re.compile(
    rf"(?:[\s,;:|/&(\[.\-–]*{_LEAD_IN})*[\s,;:|/&(\[.\-–]*\0[\s)\],;:|/&]*(?:or|/|na|and)?", re.IGNORECASE
)
_PUNCTUATION_RUN = re.compile(r"([!?*~_=#|•\-–—,;:])\1+")
_DOTS = re.compile(r"\s*(?:\.{2,}|…)\s*")
_ORNAMENT = re.compile(r"(?<!\w)[*~_=#|•^]+(?!\w)|[*~_]{2,}")
_EDGE = " \t,;:|/\\-–—_*~•=#&+"


@dataclass(frozen=True, slots=True)
class CleanText:
    """A text for a reader, and the phone numbers and addresses that were moved out of it, in order."""

    text: str
    phones: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


def clean_title(title: str) -> CleanText:
    """The title on one line: mark-up, emoji, ornament, ways to contact and repeated words gone, shouting lowered."""
    plain = _EMOJI_RUN.sub(" ", _plain(title))
    found = _moved_out(plain)
    words = _without_repeats(_quiet(_ornaments_gone(found.text)).split())
    return CleanText(" ".join(words).strip(_EDGE), found.phones, found.addresses)


def clean_description(description: str) -> CleanText:
    """The description, its lines kept: mark-up and ways to contact gone, an emoji run shown once, shouting lowered."""
    lines = (clean_line(line) for line in _broken_at_tags(description).splitlines())
    kept = [line for line in lines if line.text or line.phones or line.addresses]
    return CleanText(
        "\n".join(line.text for line in kept if line.text),
        tuple(phone for line in kept for phone in line.phones),
        tuple(address for line in kept for address in line.addresses),
    )


def clean_line(line: str) -> CleanText:
    """One line of a description."""
    plain = _EMOJI_RUN.sub(lambda run: f"{run[0].strip()[0]} ", _plain(line))
    found = _moved_out(plain)
    text = " ".join(_quiet(_PUNCTUATION_RUN.sub(r"\1", found.text)).split())
    return CleanText(text, found.phones, found.addresses)


def _plain(text: str) -> str:
    unescaped = html.unescape(html.unescape(text))  # feeds escape what a page escaped before
    styled = _STYLED.sub(lambda run: unicodedata.normalize("NFKC", run[0]), _TAG.sub(" ", unescaped))
    return fit_text(styled)


def _broken_at_tags(text: str) -> str:
    return re.sub(r"<(?:br|/p|/li|/div|/h\d)\b[^<>]*>", "\n", html.unescape(text), flags=re.IGNORECASE)


def _moved_out(text: str) -> CleanText:
    phones: list[str] = []
    addresses: list[str] = []

    def kept_in(found: list[str], least_digits: int = 0) -> Callable[[re.Match[str]], str]:
        def replace(match: re.Match[str]) -> str:
            if sum(character.isdigit() for character in match[0]) < least_digits:
                return match[0]
            found.append(match[0].strip(" .,;)"))
            return "\0"

        return replace

    text = _ADDRESS.sub(kept_in(addresses), text)
    text = _PHONE.sub(kept_in(phones, LEAST_PHONE_DIGITS), text)
    return CleanText(_LED.sub(" ", text) if phones or addresses else text, tuple(phones), tuple(addresses))


def _ornaments_gone(text: str) -> str:
    return _ORNAMENT.sub(" ", _PUNCTUATION_RUN.sub(r"\1", _DOTS.sub(" ", _MARKS.sub("", text))))


def _quiet(text: str) -> str:
    """The text with its shouted words lowered, if most of it shouts."""
    cased = [word for word in re.findall(r"[^\W\d_]{3,}", text) if word.upper() != word.lower()]
    longer = [word for word in cased if word not in ACRONYMS]
    shouted = [word for word in longer if word.isupper()]
    if len(shouted) < SHOUTED_WORDS or len(shouted) < SHOUTING_SHARE * len(longer):
        return text
    lowered = re.sub(r"[^\W_]+(?:['’][^\W\d_]+)*", lambda word: _lowered(word[0]), text)
    return re.sub(r"[^\W\d_]", lambda first: first[0].upper(), lowered, count=1)


def _lowered(word: str) -> str:
    if not word.isupper() or word in ACRONYMS or any(character.isdigit() for character in word):
        return word
    return word.lower() if word.lower() in _JOINING else word.capitalize()


def _without_repeats(words: list[str]) -> list[str]:
    """The words without those that say again what was just said, longest phrases first."""
    for length in range(min(LONGEST_PHRASE, len(words) // 2), 0, -1):
        kept: list[str] = []
        for at, word in enumerate(words):
            kept.append(word)
            while _says_again(kept, length) and at + 1 >= 2 * length:
                del kept[-length:]
        words = kept
    return words


def _says_again(words: list[str], length: int) -> bool:
    if len(words) < 2 * length:
        return False
    last, before = (
        [word.casefold().strip(_EDGE + "!.") for word in part]
        for part in (words[-length:], words[-2 * length : -length])
    )
    is_on_purpose = (length == 1 and last[0] in REDUPLICATED) or any(re.search(r"\d", word) for word in last)
    return last == before and not is_on_purpose and any(re.search(r"[^\W\d_]{2}", word) for word in last)
