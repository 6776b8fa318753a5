"""Who asks, and what they may see: keys, tokens and a browser's sign-in, against the one table of routes."""

from __future__ import annotations

import logging
import re
import secrets
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from fastapi import Depends, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from marketplace.errors import StoreUnreachable
from marketplace.storage.accesses import Access as Asked
from marketplace.storage.accesses import record_access
from serving.access_table import ACCESS, Access
from serving.credentials import Principal
from serving.dependencies import Shop, shop_of
from serving.problems import Page, request_id, respond, wants_page
from serving.rate_limits import address_of

log = logging.getLogger(__name__)
COOKIE = "soko_session"
DEVELOPMENT = Principal("development", "admin")
OPERATOR = Principal("operator", "admin")
Outcome = Literal["allowed", "refused"]
CHALLENGE = {"WWW-Authenticate": "Bearer"}
_SELLER_ID = re.compile(r"[0-9]{1,16}")
UNKNOWN = "send a key of this market: Authorization: Bearer soko_…, or X-Soko-Key"


class Refused(HTTPException):
    """Somebody who is known asked for what is not theirs; it is kept in the audit."""

    def __init__(self, status: int, detail: str, principal: Principal, resource: str) -> None:
        super().__init__(status, detail)
        self.principal = principal
        self.resource = resource


def credential_of(request: Request) -> str | None:
    """The key or token that came with a request; None if none did.

    A cookie comes with what other sites make a browser send, so it counts only for what this site itself asks.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    return request.headers.get("x-soko-key") or _from_browser(request)


def find_principal(request: Request) -> Principal | None:
    """Who asks, None without a key or token.

    Raises
    ------
    HTTPException
        401 for a key or token that opens nothing, 429 for too many requests.
    """
    state = request.scope.setdefault("soko.access", {})
    if "principal" not in state:
        state["principal"] = _identified(request, shop_of(request))
    found: Principal | None = state["principal"]
    return found


def principal_of(request: Request) -> Principal:
    """Who asks; with SOKO_AUTH=open everybody who sends no key is the market's operator.

    Raises
    ------
    HTTPException
        401 for who sends none otherwise; a browser is shown where to sign in.
    """
    found = find_principal(request)
    if found is not None:
        return found
    if shop_of(request).settings.auth == "open":
        return DEVELOPMENT
    if wants_page(request) and request.method == "GET":
        here = quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""), safe="")
        raise HTTPException(303, "sign in", {"Location": f"/sign-in?back={here}"})
    raise HTTPException(401, UNKNOWN, CHALLENGE)


def analyst_of(request: Request, principal: Annotated[Principal, Depends(principal_of)]) -> Principal:
    """Who asks, if the figures of the whole market are theirs to see.

    Raises
    ------
    HTTPException
        403 for everybody else.
    """
    _refuse_other_roles(principal, request.url.path, "analyst", "admin")
    return principal


def admin_of(request: Request, principal: Annotated[Principal, Depends(principal_of)]) -> Principal:
    """Who asks, if the whole market is theirs to steer.

    Raises
    ------
    HTTPException
        403 for everybody else.
    """
    _refuse_other_roles(principal, request.url.path, "admin")
    return principal


def refuse_other_sellers(principal: Principal, seller_id: int) -> None:
    """Returns for who may see this seller's data.

    Raises
    ------
    HTTPException
        404 for everybody else, as for a seller that is not there; the attempt is kept.
    """
    if not principal.may_see_seller(seller_id):
        raise Refused(404, f"seller {seller_id} is not known", principal, f"seller:{seller_id}")


def sees_market(request: Request) -> bool:
    """Whether the figures of the whole market are theirs to see; nobody's while Postgres cannot say who asks.

    Raises
    ------
    HTTPException
        401 for a key or token that opens nothing, 429 for too many requests.
    """
    try:
        found = find_principal(request)
    except StoreUnreachable:
        return False
    return shop_of(request).settings.auth == "open" if found is None else found.role in ("analyst", "admin")


async def guard(request: Request) -> None:
    """Returns for who may ask this route, as the table says; every route of the app depends on it.

    Raises
    ------
    HTTPException
        401, 403, 404 or 429 for everybody else; 403 to all for a route that the table does not name.
    """
    route = request.scope["route"].path
    access = ACCESS.get(f"{request.method} {route}")
    if access == "public" or (access in ("shopper", "owner", "operator") and not _carries(request)):
        return
    if access is None:
        raise HTTPException(403, f"nobody may ask {request.method} {route} before its access is declared")
    await run_in_threadpool(_check, request, access)


def answer_refusals(app: FastAPI, page: Page) -> None:
    """From now on the app keeps who asked for what is not theirs."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        await run_in_threadpool(audit, request, error.principal, "refused", error.resource)
        return respond(request, page, error.status_code, str(error.detail))

    app.add_exception_handler(Refused, refused)


def audit(request: Request, principal: Principal, outcome: Outcome, resource: str, rows: int | None = None) -> None:
    """Keep who asked for what; an attempt that Postgres cannot take now is in the log."""
    action = f"{request.method} {request.scope['route'].path}"
    one = Asked(principal.subject, principal.role, action, resource, outcome, rows, request_id(request))
    try:
        record_access(shop_of(request).warehouse, one)
    except StoreUnreachable:
        if outcome == "allowed":
            raise  # what is not audited is not handed out
        log.warning("request %s: %s was refused %s, and could not be audited", one.request_id, one.role, action)


def _identified(request: Request, shop: Shop) -> Principal | None:
    token, wanted = request.headers.get("x-soko-token", ""), shop.settings.operator_token.get_secret_value()
    if wanted and secrets.compare_digest(token.encode(), wanted.encode()):
        return OPERATOR
    credential = credential_of(request)
    if credential is None:
        return None
    limits, address = shop.limits, address_of(request.scope)
    found = shop.credentials.holder_of(credential)
    if found is None:
        if not (request.headers.get("authorization") or request.headers.get("x-soko-key")):
            return None  # a browser whose sign-in ran out is nobody, and may sign in again
        limits.count(limits.sign_in, "sign-in", address)
        raise HTTPException(401, UNKNOWN, CHALLENGE)
    limits.count(limits.by_key, "key", found.key_id or found.subject)
    return found


def _check(request: Request, access: Access) -> None:
    if access == "operator":
        _refuse_who_cannot_steer(request, find_principal(request))
        return
    if access == "owner":
        _refuse_who_neither_owns_nor_steers(request, find_principal(request))
        return
    if access == "shopper":
        _refuse_other_shoppers(request, find_principal(request))
        return
    principal = principal_of(request)
    if access == "seller":
        _refuse_sellers_not_of_path(request, principal)
    elif access == "analyst":
        analyst_of(request, principal)
    elif access == "admin":
        admin_of(request, principal)


def _refuse_sellers_not_of_path(request: Request, principal: Principal) -> None:
    """Returns for who may see the seller of the path; the route reads more spellings of a number than stand here."""
    asked = request.path_params["seller_id"]
    if _SELLER_ID.fullmatch(asked):
        refuse_other_sellers(principal, int(asked))
    elif principal.role not in ("analyst", "admin"):
        raise Refused(404, "seller is not known", principal, f"seller:{asked[:100]}")


def _refuse_who_neither_owns_nor_steers(request: Request, principal: Principal | None) -> None:
    if principal is not None and principal.role == "seller" and "x-soko-token" not in request.headers:
        _refuse_sellers_not_of_path(request, principal)
        return
    _refuse_who_cannot_steer(request, principal)


def _refuse_who_cannot_steer(request: Request, principal: Principal | None) -> None:
    """Returns for an admin, and for whoever may have the operator's token, at which the route looks."""
    has_token = "x-soko-token" in request.headers or not request.url.path.startswith("/api/")
    if principal is not None and principal.role != "admin" and not has_token:
        raise Refused(403, f"a {principal.role} may not steer this market", principal, request.url.path[:200])


def _refuse_other_shoppers(request: Request, principal: Principal | None) -> None:
    asked = request.path_params["user_id"]
    if principal is not None and principal.role == "shopper" and principal.subject != asked:
        raise Refused(403, "this token is of another shopper", principal, "shopper")


def _refuse_other_roles(principal: Principal, resource: str, *roles: str) -> None:
    if principal.role not in roles:
        wanted = " or ".join(roles)
        raise Refused(403, f"this is for an {wanted}, not for a {principal.role}", principal, resource[:200])


def _carries(request: Request) -> bool:
    """Whether the request brings a key or token, told without reading it."""
    return any(
        name in (b"authorization", b"x-soko-key", b"x-soko-token") or (name == b"cookie" and COOKIE.encode() in value)
        for name, value in request.scope["headers"]
    )


def _from_browser(request: Request) -> str | None:
    token = request.cookies.get(COOKIE)
    if token is None:
        return None
    site = request.headers.get("sec-fetch-site")
    if request.method in ("GET", "HEAD"):
        is_ours = site != "cross-site" or request.headers.get("sec-fetch-mode") == "navigate"
        return token if is_ours else None
    if site is not None:
        return token if site == "same-origin" else None
    origin = urlsplit(request.headers.get("origin", ""))
    return token if origin.netloc and origin.netloc == request.headers.get("host") else None


PrincipalDep = Annotated[Principal, Depends(principal_of)]
AnalystDep = Annotated[Principal, Depends(analyst_of)]
AdminDep = Annotated[Principal, Depends(admin_of)]
