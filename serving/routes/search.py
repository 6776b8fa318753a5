"""Search by words, by a photo, or both."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from marketplace.errors import InputRejected
from serving.dependencies import ShopDep
from serving.finder import Query
from serving.presenting import search_results
from serving.schemas import PhotoQuery, Problem, SearchResults, WordQuery

router = APIRouter(prefix="/api", tags=["search"])
FORM_FIELDS = 8
_SCHEMA = "application/json"


async def query_of(request: Request) -> Query:
    """The search that a JSON or multipart body asks for."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await photo_query(request)
    if kind != _SCHEMA:
        raise HTTPException(415, f"send application/json or multipart/form-data, not {kind[:80] or 'nothing'}")
    try:
        asked = WordQuery.model_validate_json(await request.body())
    except ValidationError as error:
        raise _refused(error) from error
    return Query(asked.text, None, asked.limit, asked.category, asked.seller_id)


async def photo_query(request: Request) -> Query:
    """The search that a form asks for, words and photo both being optional."""
    async with request.form(max_files=1, max_fields=FORM_FIELDS) as form:
        try:
            asked = PhotoQuery.model_validate(_fields(form))
        except ValidationError as error:
            raise _refused(error) from error
        image = await _image(form)
    text = (asked.text or "").strip()
    return Query(text or None, image, asked.limit, asked.category, asked.seller_id)


def _fields(form: FormData) -> dict[str, Any]:
    """The form's texts under their names; the storefront calls its words `q`, and empty means not given."""
    names = {"q": "text"}
    return {names.get(key, key): value for key, value in form.items() if key != "image" and value != ""}


async def _image(form: FormData) -> bytes | None:
    image = form.get("image")
    if isinstance(image, UploadFile):
        return await image.read() or None
    if image:
        raise InputRejected("image: send a file, not a text")
    return None


def _refused(error: ValidationError) -> RequestValidationError:
    return RequestValidationError([{**part, "loc": ("body", *part["loc"])} for part in error.errors()])


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            _SCHEMA: {"schema": WordQuery.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        **PhotoQuery.model_json_schema()["properties"],
                        "image": {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP or GIF"},
                    },
                }
            },
        },
    }
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {status: {"model": Problem} for status in (413, 415, 422, 503)}


@router.post("/search", openapi_extra=_BODY, responses=_PROBLEMS)
def search(query: Annotated[Query, Depends(query_of)], shop: ShopDep) -> SearchResults:
    """Products that match the words, the photo or both, best first. One row per product.

    While vectors are away, words are still searched and the answer says `degraded`; a photo alone answers 503.
    """
    found = shop.finder.find(query)
    if found.degraded:
        shop.metrics.degraded.labels("search").inc()
    return search_results(found)
