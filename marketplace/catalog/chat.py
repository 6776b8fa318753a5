"""The address under which a shopper talks to a seller."""

from __future__ import annotations

import re
from urllib.parse import quote

_PHONE = re.compile(r"\+?[1-9]\d{6,14}")


def whatsapp_url(phone: str | None, message: str) -> str | None:
    """A wa.me address that opens a chat with the message written in it, None without a usable number.

    Parameters
    ----------
    phone
        E.164, such as "+254700000001".
    """
    if phone is None or not _PHONE.fullmatch(phone):
        return None
    return f"https://wa.me/{phone.lstrip('+')}?text={quote(message, safe='')}"
