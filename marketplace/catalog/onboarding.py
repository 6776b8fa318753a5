"""Taking a seller in: what a person typed of them, made ours; and the states they pass through."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import phonenumbers
from babel.numbers import get_territory_currencies

from marketplace.catalog.prices import currency_code
from marketplace.catalog.products import Seller, SellerState, SourceKind, stable_id
from marketplace.catalog.text import fit_text
from marketplace.errors import Conflict, InputRejected

HOME_MARKET = "KE"
# A suspended seller is looked at anew before they sell again.
NEXT_STATES: Mapping[SellerState, tuple[SellerState, ...]] = MappingProxyType(
    {
        "pending": ("active", "suspended"),
        "active": ("paused", "suspended"),
        "paused": ("active", "suspended"),
        "suspended": ("pending",),
    }
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person says of a seller; what they leave empty stays as it is known, or takes the usual value."""

    name: str
    country: str = ""
    currency: str = ""
    city: str = ""
    phone: str = ""


def seller_of(
    profile: Profile, source_kind: SourceKind, source_url: str, *, known: Seller | None, state: SellerState = "active"
) -> Seller:
    """The seller that a person describes.

    Parameters
    ----------
    known
        The seller of that name who is kept already, if any; they keep their state.
    state
        The state of a seller who is new.

    Raises
    ------
    InputRejected
        If the name has no letter, the country no currency, the currency or phone number is none, or the
        seller is known with a catalogue of the other kind.
    """
    if known is not None and known.source_kind != source_kind:
        raise InputRejected(
            f"seller {known.name!r} is kept with a catalogue of kind {known.source_kind} at {known.source_url}; "
            f"give the new one another name"
        )
    handle = handle_of(profile.name)
    country = profile.country.upper() or (known.country if known else HOME_MARKET)
    currency = _currency(profile, country, known)
    return Seller(
        seller_id=stable_id("seller", handle),
        handle=handle,
        name=fit_text(profile.name),
        phone=e164(profile.phone, country) or (known.phone if known else None),
        city=fit_text(profile.city) or (known.city if known else None),
        country=country,
        currency=currency,
        source_kind=source_kind,
        source_url=source_url,
        state=known.state if known else state,
    )


def handle_of(name: str) -> str:
    """The name as it stands in addresses: lower case, hyphens, letters of any script.

    Raises
    ------
    InputRejected
        If nothing is left.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    handle = re.sub(r"[^\w]+", "-", plain).strip("-_")
    if not handle:
        raise InputRejected(f"seller name {name!r} has no letter or digit")
    return handle


def e164(phone: str, country: str) -> str | None:
    """The number as WhatsApp takes it, "+254712345678"; None for an empty text.

    Raises
    ------
    InputRejected
        If it is no number of that country.
    """
    if not phone:
        return None
    try:
        parsed = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException as error:
        raise InputRejected(f"phone {phone!r} is no number: {error}") from error
    if not phonenumbers.is_possible_number(parsed):
        raise InputRejected(f"phone {phone!r} is no number of {country}")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def refuse_step(handle: str, before: SellerState, after: SellerState) -> None:
    """Returns where a seller may go from one state to the other, or is there already.

    Raises
    ------
    Conflict
        If they may not, naming the states that may follow.
    """
    if after != before and after not in NEXT_STATES[before]:
        ways = " or ".join(NEXT_STATES[before])
        raise Conflict(f"seller {handle} is {before}; what may follow is {ways}, not {after}")


def refuse_other(known: Seller, described: Seller, given: Profile) -> None:
    """Returns where a description fits the seller who is kept under that handle.

    Raises
    ------
    Conflict
        If it names another source, or gives another detail than is kept, naming which.
    """
    fields = [
        "source_kind",
        "source_url",
        *(name for name in ("country", "currency", "city", "phone") if getattr(given, name)),
    ]
    other = [name for name in fields if getattr(known, name) != getattr(described, name)]
    if other:
        raise Conflict(
            f"seller {known.handle} is kept already with another {', '.join(other)}; "
            f"their catalogue is {known.source_kind} at {known.source_url}"
        )


def _currency(profile: Profile, country: str, known: Seller | None) -> str:
    currencies: list[str] = get_territory_currencies(country) if re.fullmatch("[A-Z]{2}", country) else []
    if not currencies:
        raise InputRejected(f"country {country!r} is no ISO country with a currency, such as {HOME_MARKET}")
    if profile.currency:
        return currency_code(profile.currency)
    if known is not None and known.country == country:
        return known.currency
    return currencies[0]
