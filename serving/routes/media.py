"""Pictures, named by the hash of their bytes, so that a browser needs each of them once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from marketplace.errors import InputRejected
from serving.dependencies import ShopDep
from serving.pictures import WIDTHS
from serving.schemas import Problem

router = APIRouter(tags=["media"])


@router.get("/media/{sha256}.jpg", response_class=Response, responses={404: {"model": Problem}})
def read_picture(
    request: Request,
    shop: ShopDep,
    sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
    w: Annotated[int | None, Query(description=f"width in pixels, one of {WIDTHS}")] = None,
) -> Response:
    """A product's picture as JPEG, at its own size or shrunk to a width."""
    if w is not None and w not in WIDTHS:
        raise InputRejected(f"w: must be one of {', '.join(map(str, WIDTHS))}, not {w}")
    tag = f'"{sha256[:32]}-{w or "full"}"'
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    content = shop.pictures.original(sha256) if w is None else shop.pictures.thumbnail(sha256, w)
    return Response(content, media_type="image/jpeg", headers=headers)
