"""Links into chats: `/r/{code}` leads to WhatsApp and nowhere else."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Request
from fastapi.responses import RedirectResponse, Response

from marketplace.crm.codes import LONGEST_LINK
from marketplace.errors import NotFound
from marketplace.events.traffic import device_of, source_of
from serving.chats import Visitor, chat_address, started
from serving.dependencies import NowDep, ShopDep
from serving.rate_limits import address_of, browser_of
from serving.rendering import shopper_of

router = APIRouter(tags=["links"], include_in_schema=False)
UNSEEN = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}


@router.api_route("/r/{code}", methods=["GET", "HEAD"])
def open_chat(
    request: Request, code: Annotated[str, Path(max_length=LONGEST_LINK)], shop: ShopDep, now: NowDep
) -> Response:
    """To the chat that the code was made for, with a reference in its message; without a number to the seller's page.

    What looks ahead (HEAD, a browser's prefetch, the preview of a messenger) is led there too, and begins no chat.
    """
    link = shop.chats.codes.read_link(code)
    contact = shop.chats.contact(link) if link else None
    if link is None or contact is None:
        raise NotFound("this link leads nowhere")
    browser = browser_of(request.scope)
    device = device_of(browser)
    looks_ahead = request.method == "HEAD" or device == "bot" or not browser or _is_prefetch(request)
    start = None
    if not looks_ahead and contact.phone is not None:
        host = urlsplit(shop.settings.public_url).hostname or ""
        source = source_of(request.headers.get("referer"), own_host=host)
        who = Visitor(shopper_of(request), address_of(request.scope), browser, device, source)
        start = started(shop.chats.codes, link, who=who, at=now)
    where = chat_address(contact, start.code if start else None, shop.settings.public_url)
    if where is None:
        return RedirectResponse(f"/sellers/{contact.seller_id}", 303, UNSEEN)
    if start is not None:
        shop.chats.begin(start)
    return RedirectResponse(where, 303, UNSEEN)


def _is_prefetch(request: Request) -> bool:
    said = " ".join(request.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz", "x-purpose"))
    return "prefetch" in said or "preview" in said or "prerender" in said
