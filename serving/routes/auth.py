"""Keys become tokens, for programs and in a browser."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from marketplace.crm.keys import Role
from serving.access import CHALLENGE, COOKIE, UNKNOWN
from serving.credentials import Principal
from serving.dependencies import Shop, ShopDep
from serving.rendering import render
from serving.schemas import Problem

router = APIRouter(tags=["auth"])
FOREIGN = ("cross-site", "same-site")
_OWN_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,1000}")
Back = Annotated[str, Query(max_length=1000)]


class TokenGiven(BaseModel):
    """A token to send as `Authorization: Bearer`, and how long it is good."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105
    expires_in: int = Field(examples=[3600])
    role: Role
    seller_id: int | None


@router.post("/api/auth/token", responses={401: {"model": Problem}, 429: {"model": Problem}})
def give_token(request: Request, shop: ShopDep, response: Response) -> TokenGiven:
    """A short-lived token for the key that stands in `Authorization: Bearer` or `X-Soko-Key`."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    key = value.strip() if scheme.lower() == "bearer" else request.headers.get("x-soko-key", "")
    principal = _holder(shop, key)
    if principal is None:
        raise HTTPException(401, UNKNOWN, CHALLENGE)
    response.headers["Cache-Control"] = "no-store"
    return TokenGiven(
        access_token=shop.credentials.token_for(principal),
        expires_in=shop.credentials.token_seconds,
        role=principal.role,
        seller_id=principal.seller_id,
    )


@router.get("/sign-in", include_in_schema=False, response_class=HTMLResponse)
def show_sign_in(request: Request, back: Back = "/") -> Response:
    """A form that takes a key."""
    return render(request, "sign_in.html", back=own_path(back))


@router.post("/sign-in", include_in_schema=False, response_class=HTMLResponse)
def sign_in(
    request: Request,
    shop: ShopDep,
    key: Annotated[str, Form(max_length=200)],
    back: Annotated[str, Form(max_length=1000)] = "/",
) -> Response:
    """Keep a token in the browser where no script can read it, and back to the page that asked for it."""
    if request.headers.get("sec-fetch-site") in FOREIGN:
        raise HTTPException(403, "a page of another site may not sign anybody in")
    principal = _holder(shop, key.strip())
    if principal is None:
        refusal = "That is no key of this market, or it opens nothing any more."
        return render(request, "sign_in.html", status=401, back=own_path(back), refusal=refusal)
    answer = RedirectResponse(own_path(back), 303)
    answer.set_cookie(
        COOKIE,
        shop.credentials.token_for(principal),
        max_age=shop.credentials.token_seconds,
        httponly=True,
        samesite="strict",
        secure=shop.settings.environment == "production" or shop.settings.public_url.startswith("https://"),
    )
    return answer


@router.post("/sign-out", include_in_schema=False)
def sign_out(request: Request) -> Response:
    """Forget the token, and to the front."""
    if request.headers.get("sec-fetch-site") in FOREIGN:
        raise HTTPException(403, "a page of another site may not sign anybody out")
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def own_path(back: str) -> str:
    """The path if it is one of this site, the front otherwise."""
    return back if _OWN_PATH.fullmatch(back) else "/"


def _holder(shop: Shop, key: str) -> Principal | None:
    """Who holds the key; a token makes no other token."""
    return shop.credentials.holder_of(key) if key.startswith("soko_") else None
