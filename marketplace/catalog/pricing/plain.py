"""The commonest forms in one match: "KSh 1,299", "2500/=", "20k", "450 birr per kg", "KSh 646 - KSh 740"."""

from __future__ import annotations

import re

from marketplace.catalog.pricing.currencies import Market, minor_digits
from marketplace.catalog.pricing.offer import ONE, Offer
from marketplace.catalog.products import Price

_SIGN = r"([A-Za-z]{1,5}|[₦$₵])"
_DIGITS = r"([1-9]\d{0,2}(?:,\d{3}){1,2}|[1-9]\d{0,6})"
_FORM = re.compile(
    rf"(?:{_SIGN}\.? ?)?{_DIGITS}(?:([kK])|/[=-]| ?([A-Za-z]{{2,5}}))?"
    rf"(?: ?- ?(?:{_SIGN}\.? ?)?{_DIGITS}(?:/[=-])?)?"
    r"(?:(?: per | kwa | ?/ ?)([A-Za-z]{1,8}))?",
    re.ASCII,
)
_THREE_DIGITS = 3


def read_plainly(text: str, market: Market) -> Offer | None:
    """The offer of a text in one of the commonest forms, None for any other.

    It says what the grammar would say; the tests hold the two together.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    before, low, thousands, after, before_high, high, per = form.groups()
    sign = before or after or before_high
    currency = market.plain_words.get(sign.lower()) if sign else market.currency
    if currency is None or (before and after) or (thousands and (high or not market.k_is_thousand)):
        return None
    if "." in text and not (before or before_high or "").isalpha():  # "$.50" has no whole number
        return None
    if before_high and market.plain_words.get(before_high.lower()) != currency:
        return None
    digits = market.digits if currency == market.currency else minor_digits(currency)
    if digits == _THREE_DIGITS:  # where "1,250" could be thousandths
        return None
    unit = None
    if per:
        kind, unit = market.words.get(per.lower(), (None, None))
        if kind != "unit":
            return None
    factor = 10 ** (digits + 3) if thousands else 10**digits
    amount = int(low.replace(",", "")) * factor
    if high is None:
        return Offer("single", Price(amount, currency, None, "single", ONE, unit), text, sign is not None)
    upper = int(high.replace(",", "")) * factor
    return (
        Offer("range", Price(amount, currency, upper, "range", ONE, unit), text, bool(sign)) if upper > amount else None
    )
