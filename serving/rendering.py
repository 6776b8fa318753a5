"""Pages from templates: what every page knows, and files whose address changes with their content."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale
from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from marketplace.catalog.history import price_text
from marketplace.catalog.prices import format_price
from marketplace.search.fusion import TUNED
from serving.dependencies import USER_ID
from serving.presenting import seller_page
from serving.reviewing import in_words

PAGES = Path(__file__).parent / "pages"
STATIC = PAGES / "static"
LOADING_PAGE = {"Cache-Control": "private, no-cache"}
FOREVER = "public, max-age=31536000, immutable"
_VERSION = re.compile(r"^[0-9a-f]{12}/")
_USER_ID = re.compile(USER_ID)
_ETHIOPIC = re.compile(r"[\u1200-\u137f]")
_ARABIC = re.compile(r"[\u0600-\u06ff]")


class Files(StaticFiles):
    """The storefront's own files, under `/static/` and, to be kept for ever, under `/static/<version>/`.

    The version is a folder, so that modules of script that import each other by relative addresses stay within it.
    """

    def get_path(self, scope: Scope) -> str:
        """Where the file lies, whatever version its address names: a page that is open still finds its files."""
        return _VERSION.sub("", super().get_path(scope))

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """As StaticFiles, with the time it may be kept."""
        answer = super().file_response(*args, **kwargs)
        scope = next(value for value in (*args, *kwargs.values()) if isinstance(value, dict))
        is_current = f"/static/{version()}/" in scope["path"]
        answer.headers["Cache-Control"] = FOREVER if is_current else "no-cache"
        return answer


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The page; every value in it is escaped."""
    known = {"path": request.url.path, "theme": theme_of(request), "q": "", "category": None, "refusal": ""}
    text = _environment().get_template(template).render({**known, **values})
    return HTMLResponse(text, status, LOADING_PAGE)


def error_page(request: Request, status: int, title: str, detail: str) -> HTMLResponse:
    """What went wrong, for a person; needs no store."""
    return render(request, "error.html", status=status, code=status, title=title, detail=detail)


def theme_of(request: Request) -> str | None:
    """The colours the shopper chose, None to follow their system."""
    chosen = request.cookies.get("theme")
    return chosen if chosen in ("light", "dark") else None


def shopper_of(request: Request) -> str | None:
    """Who looks, as far as their browser said."""
    shopper = request.cookies.get("shopper", "")
    return shopper if _USER_ID.fullmatch(shopper) else None


@lru_cache(maxsize=1)
def version() -> str:
    """Twelve digits that differ when any file of ours does."""
    digest = hashlib.sha256()
    for file in sorted(one for one in STATIC.rglob("*") if one.is_file()):
        digest.update(file.relative_to(STATIC).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a file of ours; another content has another address."""
    return f"/static/{version()}/{name}"


@lru_cache(maxsize=1)
def modules() -> list[str]:
    """The storefront's modules of script, which pages announce so that none waits for another to ask for it."""
    return sorted(file.relative_to(STATIC).as_posix() for file in (STATIC / "modules").glob("*.js"))


def language_of(text: str) -> Markup:
    """A lang attribute where the script tells the language, so that it is read out and hyphenated right."""
    if _ETHIOPIC.search(text):
        return Markup(' lang="am"')
    return Markup(' lang="ar" dir="rtl"') if _ARABIC.search(text) else Markup("")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGES / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=asset, modules=modules, photo_weight=TUNED.picture)
    environment.filters.update(
        price=format_price,
        lang=language_of,
        seller_page=seller_page,
        label=label,
        country=country_of,
        ago=ago,
        price_text=price_text,
        reason=in_words,
        plain=plain,
        without_none=without_none,
    )
    return environment


def country_of(code: str) -> str:
    """The country's name, or its code where it has none: "KE" is "Kenya".

    Source: Unicode CLDR, through babel.
    """
    return str(Locale("en").territories.get(code, code))


def ago(instant: datetime, now: datetime) -> str:
    """How long before now: "just now", "5 minutes ago", "3 hours ago", "12 days ago"."""
    seconds = (now - instant).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // length)
        if count > 0:
            return f"{count:,} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def label(category: str) -> str:
    """A category as a heading: "phone_accessories" is "Phone accessories"."""
    text = category.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """The values that are there."""
    return {name: value for name, value in values.items() if value is not None}


def plain(amount: Decimal | float | None) -> str | None:
    """An amount as a form holds it: "1299", "0.5"; None where there is none."""
    return None if amount is None else f"{Decimal(str(amount)).normalize():f}"
