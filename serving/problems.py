"""Errors as shoppers and clients meet them: RFC 9457 problems, or a page where a page was asked for.

Source: RFC 9457, "Problem Details for HTTP APIs".
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from marketplace.errors import (
    ArtifactUnavailable,
    ConfigurationError,
    Conflict,
    Forgotten,
    InputRejected,
    MarketplaceError,
    NotFound,
    QuotaSpent,
    SourceRefused,
    StoreUnreachable,
)

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
API_PATHS = ("/api/", "/health/", "/metrics", "/media/", "/static/", "/openapi.json")
RETRY_SECONDS = "5"
_STATUS: dict[type[MarketplaceError], HTTPStatus] = {
    InputRejected: HTTPStatus.UNPROCESSABLE_ENTITY,
    SourceRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    QuotaSpent: HTTPStatus.TOO_MANY_REQUESTS,
    ArtifactUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreUnreachable: HTTPStatus.SERVICE_UNAVAILABLE,
    ConfigurationError: HTTPStatus.SERVICE_UNAVAILABLE,
}
# Messages of these name hosts and settings, which are the operator's business: they go to the log.
_DISCREET: dict[type[MarketplaceError], str] = {
    StoreUnreachable: "A store behind this service does not answer. Try again in a moment.",
    ConfigurationError: "This service is not set up completely. Its operator finds the reason in the log.",
}
# To clients a kind of another error; what is theirs to know stands in its detail.
_TOLD_AS: dict[type[MarketplaceError], type[MarketplaceError]] = {Forgotten: Conflict}
Page = Callable[[Request, int, str, str], Response]


def answer_with_problems(app: FastAPI, page: Page) -> None:
    """From now on every error of the app is answered by a problem, or by `page` where a browser asks."""

    def on(error_class: type[Exception], handle: Callable[[Request, Any], Awaitable[Response]]) -> None:
        app.add_exception_handler(error_class, handle)

    async def domain(request: Request, error: MarketplaceError) -> Response:
        status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), HTTPStatus(500))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.warning("request %s: %s: %s", request_id(request), type(error).__name__, error)
        wait = str(error.wait_seconds) if isinstance(error, QuotaSpent) else RETRY_SECONDS
        kind = _TOLD_AS.get(type(error), type(error))
        headers = {"Retry-After": wait} if error.retryable else {}
        return respond(request, page, status, said(error), kind=_slug(kind.__name__), headers=headers)

    async def http(request: Request, error: HTTPException) -> Response:
        detail = error.detail if error.detail != HTTPStatus(error.status_code).phrase else ""
        return respond(request, page, error.status_code, detail, headers=dict(error.headers or {}))

    async def validation(request: Request, error: RequestValidationError) -> Response:
        errors = [{"field": _field(part["loc"]), "message": part["msg"]} for part in error.errors()]
        detail = "; ".join(f"{part['field']}: {part['message']}" for part in errors)
        return respond(request, page, 422, detail, kind="invalid-request", extra={"errors": errors})

    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("request %s failed: %s", request_id(request), type(error).__name__)
        return respond(request, page, 500, "Something went wrong on our side.")

    on(MarketplaceError, domain)
    on(HTTPException, http)
    on(RequestValidationError, validation)
    on(Exception, unexpected)


def respond(
    request: Request,
    page: Page,
    status: int,
    detail: str,
    *,
    kind: str = "",
    headers: dict[str, str] | None = None,
    extra: dict[str, Any] | None = None,
) -> Response:
    """The error as the asker can read it."""
    title = HTTPStatus(status).phrase
    if wants_page(request):
        answer = page(request, status, title, detail)
        answer.headers.update(headers or {})
        return answer
    return problem(request, status, detail, kind=kind, headers=headers, extra=extra)


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    kind: str = "",
    headers: dict[str, str] | None = None,
    extra: dict[str, Any] | None = None,
) -> JSONResponse:
    """An RFC 9457 problem with the request's id."""
    title = HTTPStatus(status).phrase
    body = {
        "type": f"urn:soko:problem:{kind or _slug(title)}",
        "title": title,
        "status": int(status),
        "detail": detail or title,
        "instance": request.url.path,
        "request_id": request_id(request),
        **(extra or {}),
    }
    return JSONResponse(body, status, {**(headers or {}), "X-Request-ID": request_id(request)}, MEDIA_TYPE)


def request_id(request: Request) -> str:
    """The id under which this request can be found in the log."""
    return str(request.scope.get("soko.request_id", ""))


def said(error: MarketplaceError) -> str:
    """What a stranger may read of an error."""
    return next((text for kind, text in _DISCREET.items() if isinstance(error, kind)), str(error))


def wants_page(request: Request) -> bool:
    """Whether a person in a browser asked, rather than a program."""
    is_page = not request.url.path.startswith(API_PATHS)
    return is_page and "text/html" in request.headers.get("accept", "")


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part not in ("query", "path", "body")) or "body"


def _slug(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).replace(" ", "").lstrip("-")
