"""What a shopper holds in their hand, and what brought them, as far as their browser tells."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

Device = Literal["phone", "tablet", "desktop", "bot"]
Source = Literal["direct", "whatsapp", "facebook", "instagram", "tiktok", "search", "sms", "email", "referral"]
_BOT = re.compile(
    r"bot\b|bot/|crawler|spider|slurp|preview|facebookexternalhit|facebookcatalog|meta-external|^whatsapp/|embedly"
    r"|skypeuri|vkshare|pinterest/0|headlesschrome|lighthouse|curl/|wget/|python-|go-http|okhttp|axios|node-fetch",
    re.IGNORECASE,
)
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook|android(?!.*mobile)", re.IGNORECASE)
_PHONE = re.compile(r"mobi|iphone|ipod|android|kaios|opera mini|j2me|midp|symbian|ucbrowser|nokia", re.IGNORECASE)
_DESKTOP = re.compile(r"windows nt|macintosh|x11|cros|linux", re.IGNORECASE)
_SEARCH = r"google|bing|duckduckgo|yahoo|yandex|ecosia|baidu|brave|startpage"
_OF_HOSTS: tuple[tuple[str, Source], ...] = (
    (r"whatsapp|wa\.me", "whatsapp"),
    (r"facebook|fb|messenger", "facebook"),
    (r"instagram", "instagram"),
    (r"tiktok", "tiktok"),
    (r"mail|outlook|gmail", "email"),
    (_SEARCH, "search"),
)
_HOSTS = [(re.compile(rf"(^|\.)({names})(\.|$)"), source) for names, source in _OF_HOSTS]
_OF_NAMES: tuple[tuple[str, Source], ...] = (
    (r"^(whats ?app|wa)\b", "whatsapp"),
    (r"^(facebook|fb|meta|messenger)\b", "facebook"),
    (r"^(instagram|ig)\b", "instagram"),
    (r"^(tik ?tok|tt)\b", "tiktok"),
    (r"^(sms|text)\b", "sms"),
    (r"^(e-?mail|newsletter|mailchimp)\b", "email"),
    (rf"^({_SEARCH}|adwords|search|cpc|ppc|organic)\b", "search"),
    (r"^direct\b", "direct"),
)
_NAMED = [(re.compile(names), source) for names, source in _OF_NAMES]


@lru_cache(maxsize=4096)
def device_of(user_agent: str) -> Device | None:
    """What the browser runs on, None where it does not say."""
    agent = user_agent[:400]
    if not agent:
        return None
    if _BOT.search(agent):
        return "bot"
    if _TABLET.search(agent):
        return "tablet"
    if _PHONE.search(agent):
        return "phone"
    return "desktop" if _DESKTOP.search(agent) else None


@lru_cache(maxsize=4096)
def source_of(referrer: str | None, campaign: str = "", medium: str = "", own_host: str = "") -> Source | None:
    """What brought the shopper: the campaign if it names anything, else the page before.

    None without a referrer, or where the page before is one of ours; direct where it is known that there was none.

    Parameters
    ----------
    referrer
        Address of the page before; empty if there was none, None if nobody told.
    campaign, medium
        `utm_source` and `utm_medium` of the address that was opened.
    own_host
        Host of the storefront, whose own pages brought nobody.
    """
    for said in (campaign.strip().lower(), medium.strip().lower()):
        for pattern, source in _NAMED:
            if pattern.search(said):
                return source
    if campaign.strip():
        return "referral"
    if referrer is None:
        return None
    if not referrer:
        return "direct"
    host = _host(referrer)
    if host is None or host == own_host:
        return None
    return next((source for pattern, source in _HOSTS if pattern.search(host)), "referral")


def _host(address: str) -> str | None:
    try:
        parts = urlsplit(address[:2000])
    except ValueError:
        return None
    if parts.scheme == "android-app":
        return parts.netloc.rpartition("com.")[2] or None
    return (parts.hostname or "").removeprefix("www.") or None if parts.scheme in ("http", "https") else None
