"""Catalogue pages that load more on scroll, and product pages, as WhatsApp Business has them."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs

from marketplace.catalog.products import Seller
from marketplace.local.shops.answers import Answer, html_page, json_answer, redirect
from marketplace.local.shops.markup import card, linked_data, open_graph, script
from marketplace.local.shops.paths import page_path
from marketplace.local.shops.shelves import Shelves

PAGE_SIZE = 12
SCRIPT = """let after=PAGE,busy=false;const list=document.querySelector('#list');
async function more(){if(busy||after===null)return;busy=true;
 const answer=await fetch(location.pathname+'/more?after='+after);const page=await answer.json();
 list.insertAdjacentHTML('beforeend',page.html);after=page.next;busy=false;
 if(after===null)list.insertAdjacentHTML('afterend','<p data-catalog-end>You have seen everything.</p>')}
addEventListener('scroll',()=>{if(innerHeight+scrollY>document.body.scrollHeight-400)more()});
if(after===null)list.insertAdjacentHTML('afterend','<p data-catalog-end>You have seen everything.</p>');"""
CATALOG = re.compile(r"/c/(\d{6,15})")
MORE = re.compile(r"/c/(\d{6,15})/more")
PRODUCT = re.compile(r"(/moved)?/p/(\d{16})/(\d{6,15})")
AFTER = re.compile(r"\d{1,6}")


def catalog(shelves: Shelves, phone: str) -> Answer | None:
    """The first products of a catalogue, and the script that loads the others."""
    seller = _seller(shelves, phone)
    if seller is None:
        return None
    cards, following = _cards(shelves, seller, phone, 0)
    code = SCRIPT.replace("PAGE", "null" if following is None else str(following))
    content = f'<main><div id="list">{cards}</div></main><script>{code}</script>'
    return html_page(seller.name, content, modified=shelves.modified(seller.handle))


def more(shelves: Shelves, phone: str, query: str) -> Answer | None:
    """The products that follow, and where the next ones begin."""
    seller = _seller(shelves, phone)
    after = parse_qs(query).get("after", [""])[0]
    if seller is None or AFTER.fullmatch(after) is None:
        return None
    cards, following = _cards(shelves, seller, phone, int(after))
    return json_answer({"html": cards, "next": following})


def product(shelves: Shelves, moved: str | None, ref: str, phone: str) -> Answer | None:
    """The page of a product of that seller."""
    shown, seller = shelves.product(ref), _seller(shelves, phone)
    if shown is None or seller is None or shown.seller_handle != seller.handle:
        return None
    if shelves.has_moved(ref) and not moved:
        return redirect(page_path(shelves.market, shelves.drawn(ref), moved=True))
    head = open_graph(shown) + script(linked_data(shown))
    content = f"<main>{card(shown, f'/p/{ref}/{phone}')}<p>{html.escape(shown.description)}</p></main>"
    return html_page(shown.title, content, head, modified=shelves.modified(ref))


def _seller(shelves: Shelves, phone: str) -> Seller | None:
    seller = shelves.seller_by_phone(phone)
    return shelves.seller(seller.handle, "whatsapp") if seller else None


def _cards(shelves: Shelves, seller: Seller, phone: str, start: int) -> tuple[str, int | None]:
    listed = shelves.listed(seller.handle)
    end = start + PAGE_SIZE
    cards = "".join(card(shown, f"/p/{shown.ref}/{phone}") for shown in listed[start:end])
    return cards, end if end < len(listed) else None
